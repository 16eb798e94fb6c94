// Where weights come from, as suite.yaml writes it: ids and revisions of the hub.

/** As the hub has them: no end is a dash or a dot, none of both is doubled, and `.git` is no part. */
export const HUB_ID = /^(?!.*(--|\.\.))(?!.*\.git$)(\w([\w.-]*\w)?\/)?\w([\w.-]{0,94}\w)?$/;
/** As git has names of refs. A run of hexadecimal digits that is no commit's length is one with a digit too many or few. */
export const REVISION =
  /^(?![0-9a-f]{30,39}$|[0-9a-f]{41,}$)(?!.*(\.\.|\/\/|\/\.|\.lock(\/|$)))[\w][\w./-]*(?<![./])$/;
export const REVISION_RULE = 'a branch, tag or commit (40 digits) of the hub repository';
