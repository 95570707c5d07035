import { get, request } from 'node:http';
import { connect } from 'node:net';
import t from 'tap';
import { listenMetrics } from '../../../target/svp/metrics-server.js';

const server = await listenMetrics({ host: '127.0.0.1', port: 0 }, async () => ({
  contentType: 'text/plain; version=0.0.4',
  text: 'lunarray_up_seconds 1\n',
}));
t.teardown(() => server.close());
const { host, port } = server.address;

function ask(path: string, method = 'GET'): Promise<{ status: number; type: string; text: string }> {
  return new Promise((answered, failed) => {
    const call = request({ host, port, path, method }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () =>
        answered({ status: response.statusCode!, type: String(response.headers['content-type']), text }),
      );
    });
    call.on('error', failed);
    call.end();
  });
}

t.test('GET /metrics, and nothing else', async (t) => {
  t.match(await ask('/metrics'), { status: 200, type: /version=0.0.4/, text: 'lunarray_up_seconds 1\n' });
  t.match(await ask('/metrics?x=1'), { status: 200 });
  t.match(await ask('/metrics', 'HEAD'), { status: 200, text: '' });
  t.match(await ask('/'), { status: 404 });
  t.match(await ask('/ldevs'), { status: 404 });
  t.match(await ask('/metrics', 'POST'), { status: 405 });
  t.match(await ask('/metrics', 'DELETE'), { status: 405 });
});

t.test('an address in use is an error', async (t) => {
  await t.rejects(
    listenMetrics({ host, port }, async () => ({ contentType: '', text: '' })),
    { code: 'EADDRINUSE' },
  );
});

t.test('a failing scrape is answered, the next one works', async (t) => {
  let fail = true;
  const other = await listenMetrics({ host: '127.0.0.1', port: 0 }, async () => {
    if (fail) throw new Error('no counters');
    return { contentType: 'text/plain', text: 'fine\n' };
  });
  const status = () =>
    new Promise((answered) =>
      get({ ...other.address, path: '/metrics' }, (response) => {
        response.resume();
        answered(response.statusCode);
      }),
    );
  t.equal(await status(), 500);
  fail = false;
  t.equal(await status(), 200);
  await other.close();
});

t.test('many scrapes at a time, and many on one connection, are made once', async (t) => {
  let made = 0;
  let unsent = 20;
  let allSent = () => {};
  const sent = new Promise<void>((done) => {
    allSent = done;
  });
  const busy = await listenMetrics({ host: '127.0.0.1', port: 0 }, async () => {
    made++;
    await sent;
    return { contentType: 'text/plain', text: `${made}\n` };
  });
  const scrape = () =>
    new Promise<string>((answered) =>
      get({ ...busy.address, path: '/metrics', agent: false }, (response) => {
        response.on('data', (chunk) => answered(String(chunk)));
      }).on('finish', () => {
        if (--unsent === 0) setTimeout(allSent, 20);
      }),
    );
  t.same(new Set(await Promise.all(Array.from({ length: 20 }, scrape))), new Set(['1\n']));
  t.equal(made, 1);
  const answers = await new Promise<string>((closed) => {
    const socket = connect(busy.address.port, busy.address.host);
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('close', () => closed(text));
    socket.write('GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(50));
  });
  t.equal(answers.match(/HTTP\/1.1 200/g)?.length, 1);
  await busy.close();
});

t.test('after a while the values are new ones', async (t) => {
  let made = 0;
  const server = await listenMetrics({ host: '127.0.0.1', port: 0 }, async () => ({
    contentType: 'text/plain',
    text: `${++made}\n`,
  }));
  const scrape = () =>
    new Promise<string>((answered) =>
      get({ ...server.address, path: '/metrics', agent: false }, (response) => {
        response.on('data', (chunk) => answered(String(chunk)));
      }),
    );
  const first = await scrape();
  while ((await scrape()) === first);
  t.equal(made, 2);
  await server.close();
});
