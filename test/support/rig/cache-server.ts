// A self-hosted cache of Nx on the loopback, as its OpenAPI has it: GET and PUT /v1/cache/{hash}, with a bearer token.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export class CacheServer implements AsyncDisposable {
  readonly kept = new Map<string, Buffer>();
  /** Hashes that were asked for and were there. */
  readonly given: string[] = [];
  /** Who may only read gets 403 for PUT, as Nx wants it. */
  readOnly = false;
  readonly #token = 'of-this-test';

  private constructor(private readonly server: Server) {}

  static async start(): Promise<CacheServer> {
    const server = createServer();
    const cache = new CacheServer(server);
    server.on('request', (request, response) => {
      const hash = /^\/v1\/cache\/(\w+)$/.exec(request.url ?? '')?.[1];
      const end = (status: number, body?: Buffer): void => {
        response.writeHead(status, { 'content-type': 'application/octet-stream' }).end(body);
      };
      if (request.headers.authorization !== `Bearer ${cache.#token}`) return end(401);
      if (hash === undefined) return end(404);
      if (request.method === 'GET') {
        const body = cache.kept.get(hash);
        if (body !== undefined) cache.given.push(hash);
        return end(body === undefined ? 404 : 200, body);
      }
      if (cache.readOnly) return end(403);
      if (cache.kept.has(hash)) return end(409);
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        cache.kept.set(hash, Buffer.concat(chunks));
        end(200);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return cache;
  }

  /** What a run is told of it. */
  get env(): Record<string, string> {
    const { port } = this.server.address() as AddressInfo;
    return {
      NX_SELF_HOSTED_REMOTE_CACHE_SERVER: `http://127.0.0.1:${port}`,
      NX_SELF_HOSTED_REMOTE_CACHE_ACCESS_TOKEN: this.#token,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
