export { type DevicesConfig, devicesConfig } from './config.ts';
export { createDevices, type DeviceAgent, type Devices, type DevicesOptions } from './devices.ts';
export type { PromSample, QueryInstant } from './ports.ts';
export { devicesApi } from './routes.ts';
