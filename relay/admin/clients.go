package admin

import (
	"context"

	"wpre-relay/relay/server"
)

// clientList returns up to maxListed clients; none until the history is loaded.
func (h Health) clientList(ctx context.Context) (any, error) {
	srv := h.Server()
	if srv == nil {
		return []server.Client{}, nil
	}
	return srv.ClientList(ctx, maxListed), nil
}
