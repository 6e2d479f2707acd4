/** The vocabulary of the rule book: rules are data with a pure `judge`. See `domain.md`, "Rule book". */

export type Disposition = 'error' | 'rejection' | 'hold' | 'warn';

/** In this order; all broken rules of the first stage that fails are told, later stages are not run. */
export type Stage = 'form' | 'reference' | 'record' | 'store' | 'cross';
export const stages: readonly Stage[] = ['form', 'reference', 'record', 'store', 'cross'];

export type Entity = 'metering_point' | 'appointment' | 'meter_asset';
export type ServiceType = 'MSS' | 'MSA' | 'UMSO';

/** Dates are days since 1970-01-01; `line_loss_factor` is in millionths (decimal(12,6)). */
export interface MeteringPointItems {
  readonly mpan_core: string | null;
  readonly gsp_group: string | null;
  readonly distributor_mpid: string | null;
  readonly supplier_mpid: string | null;
  readonly supplier_efd: number | null;
  readonly market_segment: string | null;
  readonly data_service_mpid: string | null;
  readonly data_service_efd: number | null;
  readonly measurement_quantity: string | null;
  readonly domestic: boolean | null;
  readonly load_shape_category: string | null;
  readonly connection_type: string | null;
  readonly metering_service_mpid: string | null;
  readonly metering_service_efd: number | null;
  readonly line_loss_factor: number | null;
  readonly line_loss_factor_class: string | null;
  readonly opt_out: boolean | null;
}

export interface AppointmentItems {
  readonly appointment_id: number;
  readonly mpan_core: string | null;
  readonly service_type: string | null;
  readonly mpid: string | null;
  readonly metering_service_efd: number | null;
  readonly metering_service_etd: number | null;
  readonly reason: string | null;
  readonly supplier_mpid: string | null;
  readonly supplier_efd: number | null;
  readonly supplier_etd: number | null;
  /** Always null on the unmetered topic. */
  readonly meter_id: string | null;
  readonly contract_reference: string | null;
}

export interface MeterAssetItems {
  readonly device_id: string | null;
  readonly mpan_core: string | null;
  readonly serial_number: string | null;
  readonly device_type: string | null;
  readonly manufacturer: string | null;
  readonly model: string | null;
  readonly status: string | null;
  readonly installed_on: number | null;
  readonly removed_on: number | null;
  readonly removal_reason: string | null;
  readonly firmware_version: string | null;
  readonly firmware_status: string | null;
  readonly csp_region: string | null;
  readonly postcode: string | null;
  readonly uprn: string | null;
  readonly dcc_compliant: boolean | null;
  readonly dcc_approved: boolean | null;
  readonly map_mpid: string | null;
  readonly map_efd: number | null;
  readonly map_etd: number | null;
}

export interface ItemsOf {
  metering_point: MeteringPointItems;
  appointment: AppointmentItems;
  meter_asset: MeterAssetItems;
}

/** One record to be judged. `previous` is the last *received* content of its key (accepted or not), null if none. */
export interface Subject<E extends Entity = Entity> {
  readonly entity: E;
  /** `truncate` never comes here. */
  readonly recordType: 'create' | 'update' | 'delete' | 'read';
  readonly items: ItemsOf[E];
  readonly invalid: Readonly<Record<string, string>>;
  readonly senderId: string;
  readonly previous: ItemsOf[E] | null;
}

/** Reference data as of the event's own position. */
export interface ReferenceView {
  /** The largest `reference_version` seen; null when there is no reference data. */
  readonly version: number | null;
  /** Has the MPID held the role at any time? */
  everHeld(mpid: string, role: string): boolean;
  holdsAt(mpid: string, role: string, day: number): boolean;
  /** Any distributor MPID for the prefix at the day (any group), or null. */
  prefixOwnerAt(prefix: string, day: number): string | null;
  groupValidAt(prefix: string, gspGroup: string, day: number): boolean;
}

/** An accepted appointment of the MPAN. */
export interface AcceptedAppointment {
  readonly appointmentId: number;
  readonly items: AppointmentItems;
}

/** What the store holds for the MPAN, after all events of the source transaction that were accepted so far (P14). */
export interface StoreView {
  /** Accepted appointments of this MPAN, this record's own key included if it is accepted. */
  readonly appointments: readonly AcceptedAppointment[];
  /** Is the last event of this record's key rejected or held? */
  readonly lastEventOpen: boolean;
  /** Flow 1's accepted metering point, null when there is none. */
  readonly point: MeteringPointItems | null;
  /** Flow 1 as it holds on a settlement date: supplier with its EFD, and segment; null when it did not exist. */
  pointOn(
    day: number,
  ): { supplier_mpid: string | null; supplier_efd: number | null; market_segment: string | null } | null;
}

/** Everything that configuration says about judging. */
export interface RuleParameters {
  readonly contractReferenceMax: number;
  readonly meterIdMax: number;
  readonly efdDaysAheadMax: number;
  /** Working days a hold lasts, by source time. */
  readonly holdWorkingDays: number;
  readonly lineLossFactorMin: number;
  readonly lineLossFactorMax: number;
  readonly roles: {
    readonly supplier: string;
    readonly distributor: string;
    readonly dataService: string;
    readonly meteringService: string;
    readonly map: string;
  };
  /** Sender id → the distributor prefixes it owns; `'all'` for every prefix. */
  readonly registrationServices: Readonly<Record<string, 'all' | readonly string[]>>;
  /** The MPIDs that this side plays, by kind of service. */
  readonly services: Readonly<Record<ServiceType, readonly string[]>>;
  /** Contracts by supplier MPID, where a list is configured; null switches CONTRACT_UNKNOWN off. */
  readonly contracts: Readonly<
    Record<string, readonly { reference: string; from: number; to: number | null }[]>
  > | null;
  /** Codes that are switched off. */
  readonly disabled: readonly string[];
  /** Code → what its breach means here, where that is other than what the rule book says. */
  readonly dispositions: Readonly<Record<string, Disposition>>;
}

/** Everything a rule may look at besides the record. Pure data and pure functions. */
export interface Circumstances {
  readonly reference: ReferenceView;
  readonly store: StoreView;
  readonly parameters: RuleParameters;
  /** The date of source time in Europe/London, days since 1970-01-01 (⏱ rules). */
  readonly today: number;
}

/** One broken rule, as it goes into Flow 3. `text` holds no unmasked MPAN. */
export interface BrokenRule {
  readonly code: string;
  /** The item that breaks it; null when it is the record as a whole. */
  readonly item: string | null;
  readonly text: string;
}

export interface Rule {
  readonly code: string;
  readonly entities: readonly Entity[];
  readonly disposition: Disposition;
  readonly stage: Stage;
  /** The items it reads. */
  readonly items: readonly string[];
  /** Marked ⏱: runs only on a create, or when an EFD, the supplier EFD or the reason changed; never on a read. */
  readonly aboutToday: boolean;
  /** What must hold, in one sentence for people. */
  readonly sentence: string;
  /** What to do when it is broken. */
  readonly remedy: string;
  /** The source that supports it. */
  readonly support: string;
  /** Empty when the rule holds or has nothing to say (its data is absent). */
  judge(subject: Subject, circumstances: Circumstances): readonly BrokenRule[];
}

/** What the rule book says of one record. */
export interface Verdict {
  /** `accept` may carry warnings. `not-ours` is decided before any rule. */
  readonly kind: 'accept' | 'error' | 'rejection' | 'hold' | 'not-ours';
  readonly stage: Stage | null;
  readonly broken: readonly BrokenRule[];
  readonly warnings: readonly BrokenRule[];
}
