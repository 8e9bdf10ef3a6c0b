export { createInventory, DEFAULT_INVENTORY_LIMITS, type Host, type Inventory, type InventoryLimits } from './inventory.ts';
