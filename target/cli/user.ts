import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { streams } from '../base/streams.js';
import type { UserAdd, UserReply } from '../svp/control/api.js';
import { ArrayError } from '../svp/errors.js';
import { call } from './client.js';
import { administration, type CommonOptions, printJson, printLine, printTable } from './output.js';

const ROLES = ['initiator', 'target'] as const;

interface UserOptions extends CommonOptions {
  readonly secretFile?: string;
  readonly role: (typeof ROLES)[number];
  readonly hostGroup?: readonly string[];
}

const role = () => new Option('--role <role>', 'who proves itself with it').choices(ROLES).default('initiator');

export function userCommand(): Command {
  const user = new Command('user').description('CHAP users');

  administration(user.command('list').description('list users; secrets are never shown')).action(
    async (options: CommonOptions) => {
      const users = await call<UserReply[]>(options.data, 'GET', '/users');
      if (options.json) return printJson(users);
      await printTable(
        ['NAME', 'ROLE', 'HOST GROUPS'],
        users.map((u) => [u.name, u.role, u.hostGroups.join(' ') || 'any']),
      );
    },
  );

  administration(
    user
      .command('add')
      .description('add a user; the secret is the first line of standard input or of a file, never an argument')
      .argument('<name>', 'CHAP name')
      .option('--secret-file <file>', 'file with the secret')
      .option('--host-group <group...>', 'host groups PORT/NAME it is for; any when left out')
      .addOption(role()),
  ).action(async (name: string, options: UserOptions) => {
    const body = {
      name,
      secret: await readSecret(options.secretFile),
      role: options.role,
      hostGroups: [...(options.hostGroup ?? [])],
    } satisfies UserAdd;
    const reply = await call<UserReply>(options.data, 'POST', '/users', body);
    if (options.json) printJson(reply);
    else printLine(`added ${reply.role} user ${reply.name}`);
  });

  administration(
    user.command('remove').description('remove a user').argument('<name>', 'CHAP name').addOption(role()),
  ).action(async (name: string, options: UserOptions) => {
    await call(options.data, 'DELETE', `/users/${options.role}/${encodeURIComponent(name)}`);
    if (options.json) printJson({ name, role: options.role });
    else printLine(`removed ${options.role} user ${name}`);
  });

  return user;
}

async function readSecret(file: string | undefined): Promise<string> {
  let text = '';
  if (file !== undefined) {
    try {
      text = readFileSync(file, 'utf8');
    } catch (error) {
      throw new ArrayError('usage', `cannot read the secret: ${(error as Error).message}`);
    }
  } else {
    const { in: input, err } = streams();
    if (input.isTTY) err.write('secret: ');
    for await (const chunk of input) {
      text += chunk;
      if (text.includes('\n') || text.length > 4096) break;
    }
  }
  const secret = text.split(/\r?\n/, 1)[0] ?? '';
  if (secret === '')
    throw new ArrayError('usage', 'no secret: give it as the first line of standard input or --secret-file');
  return secret;
}
