package enginetest

import (
	"net"
	"os"
	"testing"
)

// Redis runs a Redis that keeps what it has acknowledged.
func Redis(t testing.TB) *Server {
	t.Helper()
	return StartServer(t, "redis-server", func(host, port, dir string) (args, env []string) {
		return []string{"--bind", host, "--port", port, "--dir", dir, "--appendonly", "yes", "--appendfsync", "always", "--save", ""}, nil
	})
}

// NATS runs a NATS server with JetStream, with more arguments.
func NATS(t testing.TB, more ...string) *Server {
	t.Helper()
	return StartServer(t, "nats-server", func(host, port, dir string) (args, env []string) {
		return append([]string{"-js", "-sd", dir, "-a", host, "-p", port}, more...), nil
	})
}

// RabbitMQ runs a RabbitMQ with all that it has in a folder of its own, also the daemon in which it enters its name. More is added
// to its environment.
func RabbitMQ(t testing.TB, more ...string) *Server {
	t.Helper()
	program := "rabbitmq-server"
	const debian = "/usr/lib/rabbitmq/bin/rabbitmq-server" // what is in Debian's PATH runs it as another user, in a child
	if _, err := os.Stat(debian); err == nil {
		program = debian
	}
	names := StartServer(t, "epmd", func(host, port, _ string) (args, env []string) {
		return []string{"-address", host, "-port", port}, nil
	})
	return StartServer(t, program, func(host, port, dir string) (args, env []string) {
		return nil, append([]string{
			"HOME=" + dir, // of .erlang.cookie
			"ERL_EPMD_ADDRESS=" + host,
			"ERL_EPMD_PORT=" + portOf(names.Address),
			"RABBITMQ_NODENAME=rabbit@localhost",
			"RABBITMQ_NODE_IP_ADDRESS=" + host,
			"RABBITMQ_NODE_PORT=" + port,
			"RABBITMQ_DIST_PORT=" + portOf(FreePort(t)),
			"RABBITMQ_MNESIA_BASE=" + dir + "/data",
			"RABBITMQ_LOG_BASE=" + dir + "/log",
			"RABBITMQ_LOGS=-",
			"RABBITMQ_CONF_ENV_FILE=" + dir + "/none",
			"RABBITMQ_CONFIG_FILE=" + dir + "/none",
			"RABBITMQ_ENABLED_PLUGINS_FILE=" + dir + "/none",
			"RUNNING_UNDER_SYSTEMD=true", // the script becomes the server: no process in between
		}, more...)
	})
}

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}
