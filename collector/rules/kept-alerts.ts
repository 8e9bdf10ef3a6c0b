/** What rules keep in the state: their alerts and when each group was last evaluated. */
import type { Labels, Millis } from '@bellwether/shared';
import type { WriteBehind } from '../alerts/index.ts';
import { chunks } from '../alerts/index.ts';
import type { State, Tables } from '../state/index.ts';
import type { AlertChange, RuleAlert } from './alert-rule.ts';

export interface KeptRules {
  /** By rule id, then fingerprint. */
  readonly alerts: ReadonlyMap<string, ReadonlyMap<string, RuleAlert>>;
  /** By group id. */
  readonly evaluatedMs: ReadonlyMap<string, Millis>;
}

export async function loadKept({ db }: State): Promise<KeptRules> {
  const alerts = new Map<string, Map<string, RuleAlert>>();
  for (const row of await db.selectFrom('ruleAlerts').selectAll().execute()) {
    const ofRule = alerts.get(row.ruleId) ?? new Map<string, RuleAlert>();
    alerts.set(row.ruleId, ofRule);
    ofRule.set(row.fingerprint, alertOf(row));
  }
  const groups = await db.selectFrom('ruleGroups').selectAll().execute();
  return { alerts, evaluatedMs: new Map(groups.map(({ id, evaluatedMs }) => [id, evaluatedMs])) };
}

export function keepChanges(writer: WriteBehind, ruleId: string, changes: readonly AlertChange[]): void {
  const moved = changes.filter((change) => change.moved);
  const gone = moved.filter(({ alert }) => alert === undefined).map(({ fingerprint }) => fingerprint);
  for (const part of chunks(gone)) {
    writer.add((db) => db.deleteFrom('ruleAlerts').where('ruleId', '=', ruleId).where('fingerprint', 'in', part).execute());
  }
  const kept = moved.flatMap(({ fingerprint, alert }) => (alert === undefined ? [] : [{ ruleId, fingerprint, ...rowOf(alert) }]));
  for (const part of chunks(kept)) {
    writer.add((db) =>
      db
        .insertInto('ruleAlerts')
        .values(part)
        .onConflict((conflict) =>
          conflict.columns(['ruleId', 'fingerprint']).doUpdateSet((row) => ({
            labels: row.ref('excluded.labels'),
            annotations: row.ref('excluded.annotations'),
            kind: row.ref('excluded.kind'),
            sinceMs: row.ref('excluded.sinceMs'),
            firedMs: row.ref('excluded.firedMs'),
            clearedMs: row.ref('excluded.clearedMs'),
            resolvedMs: row.ref('excluded.resolvedMs'),
            value: row.ref('excluded.value'),
          })),
        )
        .execute(),
    );
  }
}

export function keepEvaluation(writer: WriteBehind, id: string, evaluatedMs: Millis): void {
  writer.add((db) =>
    db
      .insertInto('ruleGroups')
      .values({ id, evaluatedMs })
      .onConflict((conflict) => conflict.column('id').doUpdateSet({ evaluatedMs }))
      .execute(),
  );
}

export function forgetGroup(writer: WriteBehind, id: string): void {
  writer.add((db) => db.deleteFrom('ruleGroups').where('id', '=', id).execute());
}

type Row = Tables['ruleAlerts'];

function rowOf({ labels, annotations, value, state }: RuleAlert): Omit<Row, 'ruleId' | 'fingerprint'> {
  return {
    labels: JSON.stringify(labels),
    annotations: JSON.stringify(annotations),
    kind: state.kind,
    sinceMs: state.since,
    firedMs: state.kind === 'pending' ? null : state.firedAt,
    clearedMs: state.kind === 'firing' ? (state.clearedAt ?? null) : null,
    resolvedMs: state.kind === 'resolved' ? state.resolvedAt : null,
    value: Number.isFinite(value) ? value : null,
  };
}

function alertOf(row: Row): RuleAlert {
  const { kind, sinceMs: since, firedMs, clearedMs, resolvedMs } = row;
  const firedAt = firedMs ?? since;
  const state: RuleAlert['state'] =
    kind === 'pending'
      ? { kind, since }
      : kind === 'firing'
        ? { kind, since, firedAt, clearedAt: clearedMs ?? undefined }
        : { kind, since, firedAt, resolvedAt: resolvedMs ?? firedAt };
  return {
    labels: JSON.parse(row.labels) as Labels,
    annotations: JSON.parse(row.annotations) as Record<string, string>,
    value: row.value ?? Number.NaN,
    state,
  };
}
