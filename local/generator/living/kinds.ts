import type { Weighted } from '../random.ts';
import {
  cancelSwitch,
  type Change,
  changeAgent,
  changeDataService,
  changeLossFactor,
  changeOptOut,
  changeUse,
  correctBackDated,
  disconnect,
  exchangeAsset,
  switchSupplier,
  updateFirmware,
} from './business.ts';

/** What happens in a registration database, as the summary names it. */
export type Kind =
  | 'switch'
  | 'cancelled-switch'
  | 'agent-change'
  | 'back-dated-correction'
  | 'line-loss-factor'
  | 'opt-out'
  | 'use'
  | 'data-service'
  | 'asset-exchange'
  | 'firmware'
  | 'new-connection'
  | 'disconnection'
  | 'delete-and-re-create'
  | 'several-in-a-day'
  | 'dirty'
  | 'repair'
  | 'new-supplier'
  | 'reference-data'
  | 'bulk';

/** How often each kind comes, among each other; what is dirty is apart. */
export const kinds: readonly Weighted<Kind>[] = [
  { value: 'switch', weight: 22 },
  { value: 'agent-change', weight: 12 },
  { value: 'back-dated-correction', weight: 2.5 },
  { value: 'line-loss-factor', weight: 24 },
  { value: 'opt-out', weight: 8 },
  { value: 'use', weight: 1 },
  { value: 'data-service', weight: 6 },
  { value: 'asset-exchange', weight: 7 },
  { value: 'firmware', weight: 6 },
  { value: 'new-connection', weight: 6 },
  { value: 'disconnection', weight: 3 },
  { value: 'delete-and-re-create', weight: 0.7 },
  { value: 'several-in-a-day', weight: 2 },
  { value: 'new-supplier', weight: 0.1 },
];

/** The kinds that are one step of one unit. */
export const simpleChanges: Readonly<Partial<Record<Kind, Change>>> = {
  switch: (unit, circumstances) => switchSupplier(unit, circumstances),
  'cancelled-switch': cancelSwitch,
  'agent-change': changeAgent,
  'back-dated-correction': correctBackDated,
  'line-loss-factor': changeLossFactor,
  'opt-out': changeOptOut,
  use: changeUse,
  'data-service': changeDataService,
  'asset-exchange': exchangeAsset,
  firmware: updateFirmware,
  disconnection: disconnect,
};

/** What may happen to one point several times in a day. */
export const smallChanges: readonly Change[] = [changeLossFactor, changeOptOut, changeUse, updateFirmware];
