import { commands } from './plugins/commands';
import { notices } from './plugins/notices';
import { sidebar } from './plugins/sidebar';
import { status } from './plugins/status';
import { steps } from './plugins/steps';

export default [sidebar, commands, steps, status, notices];
