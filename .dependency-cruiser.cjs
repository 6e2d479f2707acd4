/** The import law of ARCHITECTURE.md: what each folder may never import. */
const never = (name, from, to, comment) => ({ name, severity: 'error', comment, from: { path: from, pathNot: '\\.(test|fixture)\\.ts$' }, to: { path: to } });
module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    never('runtime-knows-nobody', '^runtime/', '^(avro|topics|connectors|reconcile|cli|console|local)/', 'runtime holds no word of the domain'),
    never('avro-knows-runtime-only', '^avro/', '^(topics|connectors|reconcile|cli|console|local)/', 'avro says what travels, not where'),
    never('topics-know-no-connector', '^topics/', '^(connectors|reconcile|cli|console|local)/', 'topics move bytes'),
    never('movers-know-no-domain', '^connectors/(source|sink)/', '^(connectors/(registration|metering)|reconcile|cli|console|local)/', 'the movers are generic'),
    never('source-and-sink-are-apart', '^connectors/source/', '^connectors/sink/', 'they meet on topics only'),
    never('sink-and-source-are-apart', '^connectors/sink/', '^connectors/source/', 'they meet on topics only'),
    never('registration-knows-no-metering', '^connectors/registration/', '^connectors/metering/', 'the sides meet on topics only'),
    never('metering-knows-no-registration', '^connectors/metering/', '^connectors/registration/', 'the sides meet on topics only'),
    never('connectors-know-no-tools', '^connectors/', '^(reconcile|cli|console|local)/', 'tools stand on connectors'),
    { name: 'only-topics-knows-kafkajs', severity: 'error', from: { pathNot: '^(topics|bench)/|\\.(test|fixture)\\.ts$' }, to: { path: 'node_modules/kafkajs' } },
    { name: 'only-source-knows-replication', severity: 'error', from: { pathNot: '^connectors/source/' }, to: { path: 'node_modules/pg-logical-replication' } },
    { name: 'no-dev-dependency', severity: 'error', from: { path: '^(runtime|avro|topics|connectors|reconcile|cli|console|local)/', pathNot: '\\.(test|fixture)\\.ts$|generate' }, to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|\\.concord|coverage)/' },
    parser: 'swc',
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default'] },
  },
};
