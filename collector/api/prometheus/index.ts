export { type BuildInfo, type PrometheusApiOptions, prometheusApi } from './plugin.ts';
