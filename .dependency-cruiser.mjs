// Which folder of tools/ may import which: the ground plan of docs/architecture.md, kept by `npm test`. An import may only
// lead downward: to a folder further down in the same room, or to a room further down. Imports of types count.

/**
 * Rooms from top to bottom; rooms of one line do not know each other. Each has its folders from top to bottom, and folders
 * of one line do not know each other either. `.` is the room's own folder.
 */
export const ROOMS = [
  // Doors: what Nx and people call.
  [{ room: '', folders: [['bin'], ['.', 'executors', 'generators']] }],
  [
    { room: 'monitoring', folders: [['watch'], ['doctor', 'forecast', 'notify', 'run', 'status']] },
    {
      room: 'results',
      folders: [
        ['.'],
        ['export'],
        ['report', 'comparison', 'publishing'],
        ['report/drawing', 'report/script'],
        ['outputs'],
        ['outputs/tables', 'outputs/text'],
        ['analysis'],
        ['analysis/judge-results'],
        ['analysis/judges'],
        ['analysis/ground-truth', 'analysis/judge'],
        ['analysis/certificates'],
        ['analysis/statistics'],
        ['read'],
      ],
    },
  ],
  [
    {
      room: 'execution',
      folders: [
        ['job'],
        ['cell'],
        ['cell/retry'],
        ['worker', 'store', 'progress'],
        ['records'],
        ['engine/slurm'],
        ['engine'],
        ['lease'],
        ['lease/gpus'],
        ['lease/directory'],
        ['lease/policy'],
      ],
    },
  ],
  // The Python environment that cells run in: execution reads what is installed, and gives it nothing but parameters.
  [{ room: 'python-env', folders: [['.']] }],
  [
    {
      room: 'suite',
      folders: [
        ['nx', 'starter'],
        ['load', 'plan'],
        ['load/edits'],
        ['memory'],
        ['settings'],
        ['model'],
        ['yaml'],
      ],
    },
  ],
  [{ room: 'host', folders: [['.']] }],
  [{ room: 'base', folders: [['text'], ['.']] }],
];

const LEVELS = ROOMS.flatMap((rooms) => levelsOf(rooms));
/** Every folder of tools/ that may hold TypeScript, as a workspace path. */
export const FOLDERS = LEVELS.flatMap((level) => level.map(({ path }) => path));

/** Rooms of one line interleave: what matters between them is only that neither knows the other. */
function levelsOf(rooms) {
  return rooms.flatMap(({ room, folders }) =>
    folders.map((level) =>
      level.map((folder) => ({
        path: ['tools', room, folder === '.' ? '' : folder].filter((part) => part !== '').join('/'),
        strangers: rooms.filter((other) => other.room !== room).map((other) => `^tools/${other.room}/`),
      })),
    ),
  );
}

/** The files of a folder, without those of the folders in it. */
const filesOf = (folder) => `^${folder}/[^/]+[.]ts$`;

const downward = LEVELS.flatMap((level, index) =>
  level.map(({ path, strangers }) => ({
    name: `${path} imports only what lies below it`,
    severity: 'error',
    from: { path: filesOf(path) },
    to: {
      path: [...LEVELS.slice(0, index).flat(), ...level.filter((other) => other.path !== path)]
        .map((other) => filesOf(other.path))
        .concat(strangers),
    },
  })),
);

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...downward.filter(({ to }) => to.path.length > 0),
    {
      name: 'no circle',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'every folder has its place: name it in ROOMS of .dependency-cruiser.mjs',
      severity: 'error',
      from: { path: '^tools/.*[.]ts$', pathNot: FOLDERS.map(filesOf) },
      to: {},
    },
  ],
  options: {
    includeOnly: { path: '^tools/' },
    exclude: { path: '^tools/(dist|python)/' },
    doNotFollow: { path: 'node_modules' },
    // Imports of types count, which compiling removes.
    tsPreCompilationDeps: true,
  },
};
