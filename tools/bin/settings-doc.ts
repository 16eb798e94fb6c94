// `npm run docs:settings`: writes docs/settings.md from the tables of settings.
import { writeWhole } from '../base/files.js';
import { settingsPage } from '../suite/settings/settings-page.js';

writeWhole('docs/settings.md', settingsPage());
