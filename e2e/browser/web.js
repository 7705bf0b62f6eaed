import { createServer } from 'node:http';
import { once } from 'node:events';

/** Serves routes, functions by "METHOD /path" that give {type, body}, at an origin like http://127.0.0.1:1234. */
export async function serve(origin, routes) {
  const { hostname, port } = new URL(origin);
  const server = createServer(async (request, response) => {
    const route = routes[`${request.method} ${request.url}`];
    try {
      if (!route) return response.writeHead(404).end();
      const { type, body } = await route();
      response.writeHead(200, { 'Content-Type': type, 'Cache-Control': 'no-store' }).end(body);
    } catch (error) {
      response.writeHead(502).end(String(error));
    }
  });
  await once(server.listen(port, hostname), 'listening');
  return server;
}

export const page = (body) => () => ({ type: 'text/html; charset=utf-8', body: `<!doctype html><link rel="icon" href="data:,">${body}` });
