/** The control endpoint and bad, half-open, many and untimely requests; the commands and what is no array. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type LunArray, startArray } from '../../target/array.js';
import { lunarray } from '../support/programs.js';

t.setTimeout(120_000);

interface Reply {
  readonly status: number;
  readonly body: string;
}

/** Status 0: the connection broke. */
function ask(array: LunArray, method: string, path: string, body?: string): Promise<Reply> {
  const headers = body === undefined ? {} : { 'content-type': 'application/json' };
  return new Promise((answered) => {
    const socketPath = join(array.dataDir, 'control.sock');
    const call = request({ socketPath, method, path, headers, agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => answered({ status: response.statusCode!, body: text }));
    });
    call.on('error', (error) => answered({ status: 0, body: error.message }));
    call.end(body);
  });
}

async function controlled(t: Test): Promise<LunArray> {
  const array = await startArray({ control: true, config: { cache: '16M', ldevs: [{ id: '00:00', capacity: '1G' }] } });
  t.teardown(() => array.stop());
  return array;
}

t.test('names as long as they may be can be taken away again', async (t) => {
  const array = await controlled(t);
  const data = ['--data', array.dataDir];
  const iqn = `iqn.2026-11.com.example:${'x'.repeat(199)}`;
  t.equal(Buffer.byteLength(iqn), 223);
  t.match(await lunarray(['hostgroup', 'add-initiator', 'CL1-A/default', iqn, ...data]), { code: 0 });
  t.match(await lunarray(['hostgroup', 'remove-initiator', 'CL1-A/default', iqn, ...data]), { code: 0, stderr: '' });
  const user = 'ü'.repeat(127);
  t.match(await lunarray(['user', 'add', user, ...data], { input: 'a-secret-of-20-bytes\n' }), { code: 0 });
  t.match(await lunarray(['user', 'remove', user, ...data]), { code: 0, stderr: '' });
});

t.test('requests that are no good are refused, and tell no secret', async (t) => {
  const array = await controlled(t);
  const secret = 'supersecretsecret';
  const users = [
    `{"name":"a","secret":"${secret}" x}`,
    `{"name":"a","secret":"${secret}","extra":1}`,
    `{"name":"a","secret":["${secret}"]}`,
    `{"name":"a","secret":"${secret.repeat(20)}"}`,
    `{"name":"a b","secret":"${secret}"}`,
    `{"__proto__":{"name":"a"},"secret":"${secret}"}`,
    'null',
  ];
  for (const body of users) {
    const reply = await ask(array, 'POST', '/users', body);
    t.ok(reply.status === 400 || reply.status === 409, `${reply.status}: ${reply.body}`);
    t.notMatch(reply.body, /supersecret|internal-error/);
  }
  t.match(await ask(array, 'POST', '/users', 'x'.repeat(300_000)), { status: 413, body: /bad-request/ });
  t.match(await ask(array, 'PATCH', '/ldevs', '{}'), { status: 404 });
  t.match(await ask(array, 'DELETE', '/ldevs/%ff'), { status: 400 });
  t.match(await ask(array, 'DELETE', '/ldevs/zz'), { status: 409, body: /bad-number/ });
  t.match(await ask(array, 'DELETE', '/host-groups/CL1-A/default/luns/x'), { status: 409 });
  t.match(await ask(array, 'GET', `/${'a'.repeat(100_000)}`), { status: 431 });
  t.match(await ask(array, 'GET', '/status'), { status: 200 });
});

t.test('half-open clients and many at a time; a stop waits for none of them', async (t) => {
  const array = await controlled(t);
  const halfOpen: Socket[] = [];
  for (let count = 0; count < 200; count++) {
    const socket = connect(join(array.dataDir, 'control.sock')).on('error', () => {});
    socket.write('POST /ldevs HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{');
    halfOpen.push(socket);
  }
  const many = await Promise.all(Array.from({ length: 250 }, () => ask(array, 'GET', '/status')));
  t.ok(many.every(({ status }) => status === 200));
  const late = Array.from({ length: 20 }, () => ask(array, 'POST', '/ldevs', '{"bytes":1073741824}'));
  const started = Date.now();
  await array.stop();
  t.ok(Date.now() - started < 5_000);
  for (const { status, body } of await Promise.all(late)) t.ok(status === 200 || status === 0, `${status} ${body}`);
  for (const socket of halfOpen) socket.destroy();
});

/** Listens on the control socket of a data directory in an array's place. */
async function impostor(t: Test, talk: (socket: Socket) => void): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'lunarray-impostor-'));
  const server: Server = createServer((socket) => talk(socket.on('error', () => {}))).listen(join(dir, 'control.sock'));
  await new Promise((listening) => server.once('listening', listening));
  t.teardown(() => {
    server.close();
    rmSync(dir, { recursive: true });
  });
  return dir;
}

const answers: readonly (readonly [string, (socket: Socket) => void, RegExp])[] = [
  ['broken off before the answer', (socket) => socket.destroy(), /broke off.*unknown/],
  [
    'broken off within the answer',
    (socket) =>
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{');
        setTimeout(() => socket.destroy(), 20);
      }),
    /broke off.*unknown/,
  ],
  ['not HTTP', (socket) => socket.end('220 hello\r\n'), /control\.sock is no array/],
  ['not JSON', (socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\n<html>')), /is no array/],
];

for (const [name, talk, line] of answers) {
  t.test(`an answer that is ${name}: one line`, async (t) => {
    const { code, stderr } = await lunarray(['status', '--data', await impostor(t, talk)]);
    t.equal(code, 9);
    t.match(stderr, line);
    t.equal(stderr.trim().split('\n').length, 1, stderr);
  });
}

t.test('a data directory that is none: one line', async (t) => {
  const file = join(t.testdir(), 'file');
  writeFileSync(file, '');
  for (const data of [file, join(tmpdir(), 'y'.repeat(300))]) {
    const { code, stderr } = await lunarray(['status', '--data', data]);
    t.equal(code, 8);
    t.match(stderr, /^lunarray: no array runs on [^\n]*\n$/);
  }
});
