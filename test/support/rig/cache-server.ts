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
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { method = '', url = '', headers } = request;
        const [status, body] = cache.#answer(method, url, headers.authorization, Buffer.concat(chunks));
        // Nx takes a refusal only as plain text.
        const type = typeof body === 'string' ? 'text/plain' : 'application/octet-stream';
        response.writeHead(status, { 'content-type': type }).end(body);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return cache;
  }

  #answer(
    method: string,
    url: string,
    authorization: string | undefined,
    sent: Buffer,
  ): [status: number, body: Buffer | string] {
    if (authorization !== `Bearer ${this.#token}`) return [401, 'who are you?'];
    const hash = /^\/v1\/cache\/(\w+)$/.exec(url)?.[1];
    const kept = hash === undefined ? undefined : this.kept.get(hash);
    if (hash === undefined || (method === 'GET' && kept === undefined)) return [404, 'not here'];
    if (method === 'GET' && kept !== undefined) {
      this.given.push(hash);
      return [200, kept];
    }
    if (this.readOnly) return [403, 'you may read only'];
    if (kept !== undefined) return [409, 'there already'];
    this.kept.set(hash, sent);
    return [200, ''];
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
