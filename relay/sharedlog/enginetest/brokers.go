package enginetest

import (
	"net"
	"os"
	"testing"
)

// Redis starts a Redis server that syncs every write to disk before it acknowledges it.
func Redis(t testing.TB) *Server {
	t.Helper()
	return StartServer(t, "redis-server", func(host, port, dir string) (args, env []string) {
		return []string{
			"--bind", host, "--port", port, "--dir", dir,
			"--appendonly", "yes", "--appendfsync", "always", "--save", "",
		}, nil
	})
}

// NATS starts a NATS server with JetStream and these additional arguments.
func NATS(t testing.TB, extra ...string) *Server {
	t.Helper()
	return StartServer(t, "nats-server", func(host, port, dir string) (args, env []string) {
		return append([]string{"-js", "-sd", dir, "-a", host, "-p", port}, extra...), nil
	})
}

// RabbitMQ starts a RabbitMQ server with these additional environment variables. Everything it writes is in a
// temporary directory. It registers at a separate Erlang port mapper.
func RabbitMQ(t testing.TB, extra ...string) *Server {
	t.Helper()
	program := "rabbitmq-server"
	// Debian's rabbitmq-server in PATH is a wrapper that runs this script in a child process, as another user.
	const debian = "/usr/lib/rabbitmq/bin/rabbitmq-server"
	if _, err := os.Stat(debian); err == nil {
		program = debian
	}
	mapper := StartServer(t, "epmd", func(host, port, _ string) (args, env []string) {
		return []string{"-address", host, "-port", port}, nil
	})
	return StartServer(t, program, func(host, port, dir string) (args, env []string) {
		return nil, append([]string{
			"HOME=" + dir, // holds .erlang.cookie
			"ERL_EPMD_ADDRESS=" + host,
			"ERL_EPMD_PORT=" + portOf(mapper.Address),
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
			"RUNNING_UNDER_SYSTEMD=true", // makes the script replace itself with the server, so that Kill reaches it
		}, extra...)
	})
}

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}
