import type { FastifyInstance } from 'fastify';
import type { ArrayView } from '../view.js';
import { DrivePredict, type DriveReply, DriveSettings, type DriveSettingsReply, type ScrubReply } from './api.js';

export function driveRoutes(app: FastifyInstance, array: ArrayView): void {
  const { drives } = array.volumes;

  app.get('/drives', (): readonly DriveReply[] => drives.list());

  app.post<{ Params: { name: string } }>('/drives/:name/fail', ({ params }): DriveReply => drives.fail(params.name));

  app.post<{ Params: { name: string } }>('/drives/:name/replace', async ({ params }): Promise<DriveReply> => {
    await drives.settled();
    return drives.replace(params.name);
  });

  app.post<{ Params: { name: string }; Body: DrivePredict }>(
    '/drives/:name/predict',
    { schema: { body: DrivePredict } },
    ({ params, body }): DriveReply => drives.predict(params.name, body.predicted),
  );

  app.get('/scrubs', (): readonly ScrubReply[] => array.volumes.scrubs.list());

  app.post<{ Params: { group: string } }>(
    '/scrubs/:group',
    ({ params }): ScrubReply => array.volumes.scrubs.start(params.group),
  );

  app.get('/drive-settings', (): DriveSettingsReply => drives.settings.info());

  app.patch<{ Body: DriveSettings }>(
    '/drive-settings',
    { schema: { body: DriveSettings } },
    ({ body }): DriveSettingsReply => drives.settings.change(body),
  );
}
