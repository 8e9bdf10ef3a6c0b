import { openMemoryStore } from '../../../collector/store/index.ts';
import { storeDriverSuite } from './driver-suite.ts';

storeDriverSuite('memory', async (options) => openMemoryStore(options));
