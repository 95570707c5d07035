import { Argument, Command } from 'commander';
import type { DriveReply, DriveSettingsReply, ScrubReply } from '../svp/control/api.js';
import { humanSize } from '../svp/units.js';
import { call } from './client.js';
import { administration, argument, type CommonOptions, printJson, printLine, printTable } from './output.js';

export function driveCommand(): Command {
  const drive = new Command('drive').description('drives of parity groups, and spares');

  administration(drive.command('list').description('list drives with their state and how far a rebuild is')).action(
    async (options: CommonOptions) => {
      const drives = await call<DriveReply[]>(options.data, 'GET', '/drives');
      if (options.json) return printJson(drives);
      await printTable(
        ['DRIVE', 'CAPACITY', 'KIND', 'STATE', 'PARITY GROUP', 'READ ERRORS', 'WRITE ERRORS', 'CORRUPT', 'FAILURE'],
        drives.map((d) => [
          d.name,
          humanSize(d.bytes),
          d.kind,
          state(d),
          d.parityGroup ?? '',
          d.readErrors,
          d.writeErrors,
          d.corrupt,
          d.failure ?? (d.failurePredicted ? 'predicted' : ''),
        ]),
      );
    },
  );

  change(drive, 'fail', 'take a drive out of its parity group; refused if data would be lost', 'taken out');
  change(drive, 'replace', 'put a new, empty drive in the place of one that failed, and rebuild it', 'replaced');
  predict(drive);
  scrub(drive);
  rebuildRate(drive);
  copyBack(drive);
  return drive;
}

function predict(drive: Command): void {
  administration(
    drive
      .command('predict')
      .description('mark a drive as predicted to fail, as its errors would, to see what hosts do about it')
      .argument('<drive>', 'name of the drive')
      .option('--clear', 'take that back'),
  ).action(async (name: string, options: CommonOptions & { readonly clear?: boolean }) => {
    const body = { predicted: options.clear !== true };
    const reply = await call<DriveReply>(options.data, 'POST', `/drives/${encodeURIComponent(name)}/predict`, body);
    if (options.json) printJson(reply);
    else printLine(`${reply.name}: failure ${reply.failurePredicted ? '' : 'not '}predicted`);
  });
}

function scrub(drive: Command): void {
  administration(
    drive
      .command('scrub')
      .description(
        'show how scrubs stand, or begin one: everything on the drives of a group is read, checked and mended',
      )
      .argument('[group]', 'parity group'),
  ).action(async (group: string | undefined, options: CommonOptions) => {
    const reply =
      group === undefined
        ? await call<ScrubReply[]>(options.data, 'GET', '/scrubs')
        : await call<ScrubReply>(options.data, 'POST', `/scrubs/${encodeURIComponent(group)}`);
    if (options.json) return printJson(reply);
    await printTable(
      ['PARITY GROUP', 'SCRUB', 'PASSES', 'MENDED', 'CHECKS', 'LOST'],
      [reply].flat().map((s) => {
        const state = s.running ? `${Math.floor(s.progress * 100)} %` : 'idle';
        return [s.parityGroup, state, s.passes, s.mended, s.checks, s.lost];
      }),
    );
  });
}

function rebuildRate(drive: Command): void {
  administration(
    drive
      .command('rebuild-rate')
      .description('show or set how fast each drive is rebuilt at most; hosts come first at any rate')
      .argument('[rate]', 'bytes a second, as 50M, or max', argument.rate),
  ).action(async (rate: number | null | undefined, options: CommonOptions) => {
    const reply =
      rate === undefined
        ? await call<DriveSettingsReply>(options.data, 'GET', '/drive-settings')
        : await call<DriveSettingsReply>(options.data, 'PATCH', '/drive-settings', { rebuildRate: rate });
    if (options.json) printJson(reply);
    else printLine(`rebuild rate ${reply.rebuildRate === null ? 'max' : `${humanSize(reply.rebuildRate)}/s`}`);
  });
}

function change(drive: Command, action: 'fail' | 'replace', description: string, done: string): void {
  administration(drive.command(action).description(description).argument('<drive>', 'name of the drive')).action(
    async (name: string, options: CommonOptions) => {
      const reply = await call<DriveReply>(options.data, 'POST', `/drives/${encodeURIComponent(name)}/${action}`);
      if (options.json) printJson(reply);
      else printLine(`${done} ${reply.name}: ${state(reply)}`);
    },
  );
}

function copyBack(drive: Command): void {
  administration(
    drive
      .command('copy-back')
      .description('show or set whether a spare’s data is copied back when the drive it stands in for is replaced')
      .addArgument(new Argument('[setting]', 'on: the spare is a spare again; off: it stays').choices(['on', 'off'])),
  ).action(async (setting: 'on' | 'off' | undefined, options: CommonOptions) => {
    const reply =
      setting === undefined
        ? await call<DriveSettingsReply>(options.data, 'GET', '/drive-settings')
        : await call<DriveSettingsReply>(options.data, 'PATCH', '/drive-settings', { copyBack: setting === 'on' });
    if (options.json) printJson(reply);
    else printLine(`copy-back ${reply.copyBack ? 'on' : 'off'}`);
  });
}

function state({ state, progress }: DriveReply): string {
  return progress === null ? state : `${state} ${Math.floor(progress * 100)} %`;
}
