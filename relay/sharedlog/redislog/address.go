package redislog

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/redis/go-redis/v9"
)

// clientFunc returns a client with at most poolSize connections to each server; 0 means as many as go-redis permits.
type clientFunc func(poolSize int) redis.UniversalClient

// parse returns the clients for an address. Open documents its form.
func parse(address *url.URL) (clientFunc, error) {
	at := *address
	scheme, kind, _ := strings.Cut(address.Scheme, "+")
	hosts := strings.Split(address.Host, ",")
	at.Scheme, at.Host = scheme, hosts[0]
	query := at.Query()
	for _, host := range hosts[1:] {
		node := url.URL{Host: host}
		query.Add("addr", node.Hostname()+":"+portOr(node, kind))
	}
	switch kind {
	case "":
	case "sentinel":
		return parseSentinel(at, query)
	case "cluster":
		at.RawQuery = query.Encode()
		return parseCluster(at)
	default:
		return nil, fmt.Errorf("scheme %q is unknown", address.Scheme)
	}
	if len(hosts) > 1 {
		return nil, fmt.Errorf("%s:// has one host; for a cluster use %[1]s+cluster://HOST,HOST, "+
			"for Sentinel %[1]s+sentinel://HOST,HOST/MASTER", scheme)
	}
	return parseServer(at)
}

// portOr returns the port of a node, or the default port of its kind.
func portOr(node url.URL, kind string) string {
	switch port := node.Port(); {
	case port != "":
		return port
	case kind == "sentinel":
		return "26379"
	default:
		return "6379"
	}
}

// parseServer returns the clients for a single server.
func parseServer(address url.URL) (clientFunc, error) {
	opts, err := redis.ParseURL(address.String())
	if err == nil && opts.DB < 0 {
		err = fmt.Errorf("database %d must not be negative", opts.DB)
	}
	if err != nil {
		return nil, err
	}
	opts.MaxRetries, opts.DialerRetries = -1, 1 // sharedlog retries
	opts.ContextTimeoutEnabled = true
	return func(poolSize int) redis.UniversalClient {
		with := *opts
		with.PoolSize = cmp.Or(poolSize, with.PoolSize)
		return redis.NewClient(&with)
	}, nil
}

// parseCluster returns the clients for a cluster, of which the address names some nodes.
func parseCluster(address url.URL) (clientFunc, error) {
	if strings.Trim(address.Path, "/") != "" {
		return nil, errors.New("a cluster has no databases; the address must end after the hosts")
	}
	opts, err := redis.ParseClusterURL(address.String())
	if err != nil {
		return nil, err
	}
	opts.MaxRetries, opts.DialerRetries = -1, 1
	opts.ContextTimeoutEnabled = true
	if opts.TLSConfig != nil {
		opts.TLSConfig.ServerName = "" // of each node, not of the first one
	}
	return func(poolSize int) redis.UniversalClient {
		with := *opts
		with.PoolSize = cmp.Or(poolSize, with.PoolSize)
		return redis.NewClusterClient(&with)
	}, nil
}

// parseSentinel returns the clients for the master that the Sentinels of the address name. User and password are for
// the master; the query has the credentials for the Sentinels.
func parseSentinel(address url.URL, query url.Values) (clientFunc, error) {
	master, database, _ := strings.Cut(strings.Trim(address.Path, "/"), "/")
	if master == "" {
		return nil, errors.New("the name of the master is missing: redis+sentinel://HOST:26379/MASTER")
	}
	if address.Port() == "" {
		address.Host += ":" + portOr(address, "sentinel")
	}
	user, password := query.Get("sentinel_username"), query.Get("sentinel_password")
	query.Del("sentinel_username")
	query.Del("sentinel_password")
	query.Set("master_name", master)
	address.Path, address.RawQuery = "/"+database, query.Encode()
	opts, err := redis.ParseFailoverURL(address.String())
	if err == nil && opts.DB < 0 {
		err = fmt.Errorf("database %d must not be negative", opts.DB)
	}
	if err != nil {
		return nil, err
	}
	opts.Username = address.User.Username()
	opts.Password, _ = address.User.Password()
	opts.SentinelUsername, opts.SentinelPassword = user, password
	opts.MaxRetries, opts.DialerRetries = -1, 1
	opts.ContextTimeoutEnabled = true
	if opts.TLSConfig != nil {
		opts.TLSConfig.ServerName = ""
	}
	return func(poolSize int) redis.UniversalClient {
		with := *opts
		with.PoolSize = cmp.Or(poolSize, with.PoolSize)
		return redis.NewFailoverClient(&with)
	}, nil
}

// hint adds to an error of Redis that the address is one of a cluster or of Sentinel.
func hint(err error) error {
	switch {
	case err == nil:
		return nil
	case strings.HasPrefix(err.Error(), "MOVED "), strings.HasPrefix(err.Error(), "CLUSTERDOWN "):
		return fmt.Errorf("%w; if this is a node of a cluster, set redis+cluster://HOST,HOST", err)
	case strings.HasPrefix(err.Error(), "ERR unknown command"):
		return fmt.Errorf("%w; if this is a Sentinel, set redis+sentinel://HOST,HOST/MASTER", err)
	default:
		return err
	}
}
