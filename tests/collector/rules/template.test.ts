import { AppError, labelsFrom } from '@bellwether/shared';
import { expect, test } from '@jest/globals';
import { sprintf } from '../../../collector/rules/template/format.ts';
import { compileTemplate, expandTemplate } from '../../../collector/rules/template/template.ts';
import type { Value } from '../../../collector/rules/template/value.ts';
import { Sample } from '../../../collector/rules/template/value.ts';
import { random, seeded } from './random.ts';

const NOW = Date.UTC(2024, 0, 2, 3, 4, 5);

function sample(labels: Record<string, string>, value: number): Sample {
  return new Sample(new Map(Object.entries(labels)), value);
}

const ANSWERS: Record<string, Sample[]> = {
  up: [sample({ __name__: 'up', instance: 'b', job: 'node' }, 1), sample({ __name__: 'up', instance: 'a', job: 'node' }, 0)],
  nothing: [],
  one: [sample({ job: 'x' }, 12.5)],
};

function expand(source: string, value = 42.5): Promise<string> {
  const data = {
    labels: labelsFrom({ alertname: 'Disk', instance: 'web-1:9100', device: 'sda', path: '/var<log>' }),
    value,
    externalLabels: { cluster: 'eu' },
    externalUrl: 'https://mon.example/base/',
  };
  return expandTemplate(compileTemplate(source), data, NOW, async (query) => {
    const answer = ANSWERS[query];
    if (answer === undefined) throw new AppError('QUERY_INVALID', '1:1: parse error: bad');
    return answer;
  });
}

test.each([
  ['plain text', 'plain text'],
  ['{{ $labels.instance }} is {{ $value }}', 'web-1:9100 is 42.5'],
  ['{{$labels.instance}}{{$value}}', 'web-1:910042.5'],
  ['{{ .Labels.device }} {{ .Value }} {{ $.Labels.device }}', 'sda 42.5 sda'],
  ['[{{ $labels.missing }}]', '[]'],
  ['{{ $labels }}', 'map[alertname:Disk device:sda instance:web-1:9100 path:/var<log>]'],
  ['{{ $externalLabels.cluster }} {{ $externalURL }}', 'eu https://mon.example/base/'],
  ['{{ externalURL }} {{ pathPrefix }}', 'https://mon.example/base/ /base'],
  ['{{ printf "%.2f" $value }}|{{ $value | printf "%.0f" }}|{{ printf "%s-%q-%v" "a" "b" 3 }}', '42.50|42|a-"b"-3'],
  ['{{ printf "%5d|%-5d|%05d|%+d|%x|%t|%%" 42 42 42 42 255 true }}', '   42|42   |00042|+42|ff|true|%'],
  ['{{ printf "%d" $value }}', '%!d(float64=42.5)'],
  ['{{ printf "%s" }}{{ printf "x" 1 }}', '%!s(MISSING)x%!(EXTRA int=1)'],
  ['{{ if gt $value 40.0 }}high{{ else if gt $value 10.0 }}middle{{ else }}low{{ end }}', 'high'],
  ['{{ if eq $labels.device "sdb" "sda" }}yes{{ end }}', 'yes'],
  ['{{ if and (ne $labels.device "x") (not $labels.nothing) }}both{{ else }}no{{ end }}', 'both'],
  ['{{ or $labels.nothing "default" }}', 'default'],
  ['{{ with $labels.nothing }}{{ . }}{{ else }}none{{ end }}', 'none'],
  ['{{ with $labels.device }}dev {{ . }}{{ end }}', 'dev sda'],
  ['{{ with $x := $labels.device }}{{ $x }}{{ end }}', 'sda'],
  ['{{ $x := "a" }}{{ if true }}{{ $x = "b" }}{{ end }}{{ $x }}', 'b'],
  ['{{ $x := "a" }}{{ if true }}{{ $x := "b" }}{{ end }}{{ $x }}', 'a'],
  ['{{ range query "up" }}{{ .Labels.instance }}={{ .Value }} {{ end }}', 'b=1 a=0 '],
  ['{{ range $i, $s := query "up" | sortByLabel "instance" }}{{ $i }}{{ label "instance" $s }}{{ end }}', '0a1b'],
  ['{{ range query "nothing" }}x{{ else }}empty{{ end }}', 'empty'],
  ['{{ with query "one" }}{{ . | first | value | humanize }}{{ end }}', '12.5'],
  ['{{ query "one" | first | label "job" }} {{ (query "one" | first).Value }} {{ len (query "up") }}', 'x 12.5 2'],
  ['{{ $x := query "one" | first | value }}{{ if eq 12.5 $x }}same{{ end }}', 'same'],
  ['{{ range $k, $v := $externalLabels }}{{ $k }}:{{ $v }};{{ end }}', 'cluster:eu;'],
  ['a {{- " b " -}} c', 'a b c'],
  ['a {{/* comment }} */}}b', 'a b'],
  ['{{ "quoted \\"x\\" }}" }}{{ `raw }}` }}', 'quoted "x" }}raw }}'],
  ['{{ "A b" | toUpper }} {{ toLower "AB" }} {{ title "hello wide world" }}', 'A B ab Hello Wide World'],
  ['{{ reReplaceAll "(.*):(\\\\d+)" "$1 port $2" $labels.instance }}', 'web-1 port 9100'],
  ['{{ match "^web-[0-9]" $labels.instance }}{{ match "^db" $labels.instance }}', 'truefalse'],
  ['{{ stripPort $labels.instance }} {{ stripDomain "web.example.com:80" }} {{ stripPort "[::1]:90" }}', 'web-1 web:80 ::1'],
  ['{{ html $labels.path }} {{ urlquery "a b&c" }}', '/var&lt;log&gt; a+b%26c'],
  ['{{ index $labels "device" }} {{ len "äb" }} {{ print 1 2 "x" }} {{ println "y" }}', 'sda 3 1 2x y\n'],
  ['{{ args 1 "b" }}', 'map[arg0:1 arg1:b]'],
  ['{{ (args 1 "b").arg1 }}', 'b'],
  ['{{ parseDuration "1h30m" }}', '5400'],
  ["{{ 1 }} {{ 0x1f }} {{ -3 }} {{ 1e3 }} {{ true }} {{ 'a' }}", '1 31 -3 1000 true 97'],
  ['{{ graphLink "up == 0" }}', '/graph?g0.expr=up%20%3D%3D%200&g0.tab=0'],
  ['{{ humanizeTimestamp 1435065584.128 }}', '2015-06-23 13:19:44.128 +0000 UTC'],
  ['{{ $labels.instance | first }}', '<error expanding template: error calling first: first needs the result of a query, not string>'],
  ['{{ query "nothing" | first }}', '<error expanding template: error calling first: first() called on vector with no elements>'],
  ['{{ query "bad" }}', '<error expanding template: query "bad": 1:1: parse error: bad>'],
  ['{{ .Nope }}', "<error expanding template: at <.Nope>: can't evaluate field Nope in template.AlertTemplateData>"],
  ['{{ eq 1 "a" }}', '<error expanding template: error calling eq: incompatible types for comparison>'],
])('%s', async (source, expected) => expect(await expand(source)).toBe(expected));

test.each([
  [0, '0', '0', '0s', '0%'],
  [1, '1', '1', '1s', '100%'],
  [1234567, '1.235M', '1.177Mi', '14d 6h 56m 7s', '1.235e+08%'],
  [0.12, '120m', '0.12', '120ms', '12%'],
  [1e-9, '1n', '1e-09', '1ns', '1e-07%'],
  [-42.5, '-42.5', '-42.5', '-42.5s', '-4250%'],
  [3661.5, '3.662k', '3.576ki', '1h 1m 1s', '3.662e+05%'],
  [-100000, '-100k', '-97.66ki', '-1d 3h 46m 40s', '-1e+07%'],
  [Number.NaN, 'NaN', 'NaN', 'NaN', 'NaN%'],
  [Number.POSITIVE_INFINITY, '+Inf', '+Inf', '+Inf', '+Inf%'],
  [1e40, '1e+16Y', '8.272e+15Yi', '115740740740740740d 0h 0m 0s', '1e+42%'],
])('humanize %p', async (value, plain, binary, duration, percentage) => {
  expect(await expand('{{ humanize $value }}', value)).toBe(plain);
  expect(await expand('{{ humanize1024 $value }}', value)).toBe(binary);
  if (Math.abs(value) < 1e18 || !Number.isFinite(value)) expect(await expand('{{ humanizeDuration $value }}', value)).toBe(duration);
  expect(await expand('{{ humanizePercentage $value }}', value)).toBe(percentage);
});

test.each<[string, Value, string]>([
  ['%.2f', 0.125, '0.12'],
  ['%.2f', 0.375, '0.38'],
  ['%.1f', 0.15, '0.1'],
  ['%.0f', 0.5, '0'],
  ['%.0f', 1.5, '2'],
  ['%.0f', 2.5, '2'],
  ['%.0f', -0.5, '-0'],
  ['%.3f', 1e22, '10000000000000000000000.000'],
  ['%v', 1e20, '1e+20'],
  ['%v', 999_999.5, '999999.5'],
  ['%v', 1_234_567, '1.234567e+06'],
  ['%v', 8_589_934_592, '8.589934592e+09'],
  ['%v', 0.00001, '1e-05'],
  ['%v', 0.0001234, '0.0001234'],
  ['%g', 123456789, '1.23456789e+08'],
  ['%.4g', 0.00012345, '0.0001234'],
  ['%.3g', 1000, '1e+03'],
  ['%e', 1234.5678, '1.234568e+03'],
  ['%8.2f|', Math.PI, '    3.14|'],
  ['%-8.2f|', Math.PI, '3.14    |'],
  ['%08.2f', -Math.PI, '-0003.14'],
])('printf %s of %p', (format, value, expected) => {
  expect(sprintf(format, [value])).toBe(expected);
});

test.each([
  ['{{ $label.x }}', 'undefined variable "$label"'],
  ['{{ nope 1 }}', 'function "nope" not defined'],
  ['{{ if $value }}', 'an {{end}} is missing'],
  ['{{ end }}', 'unexpected {{end}}'],
  ['{{ else }}', 'unexpected {{else}}'],
  ['{{ $value', 'unclosed action'],
  ['{{ }}', 'missing value for command'],
  ['{{ $value | }}', 'missing value for command'],
  ['{{ ($value }}', 'unclosed left parenthesis'],
  ['{{ template "x" }}', 'not supported'],
  ['{{ "unclosed }}', 'unclosed action'],
  ['{{ $value ! }}', 'unexpected "!"'],
  ['one\ntwo {{ bad }}', 'template line 2: function "bad" not defined'],
  ['{{ "a" | "b" }}', 'non executable command'],
])('%s is refused', (source, text) => {
  expect(() => compileTemplate(source)).toThrow(text);
  expect(() => compileTemplate(source)).toThrow(AppError);
});

test('a runaway template is stopped', async () => {
  const bomb = `{{ range query "up" }}${'{{ range query "up" }}'.repeat(20)}x${'{{ end }}'.repeat(20)}{{ end }}`;
  expect(await expand(bomb)).toContain('<error expanding template: template takes too many steps>');
  expect(await expand('{{ printf "%100000d" 1 }}')).toHaveLength(1000);
});

const seed = seeded();
test(`fuzz: any text compiles and expands or fails with an AppError (FUZZ_SEED=${seed})`, async () => {
  const { pick, below } = random(seed);
  const pieces = [
    '{{',
    '}}',
    '{{ ',
    ' }}',
    '$labels',
    '.a',
    '$value',
    '|',
    '(',
    ')',
    '"x"',
    '`',
    'if ',
    'range ',
    'with ',
    'end',
    'else',
    ':=',
    '$x',
    ',',
    ' ',
    '1',
    '1.5',
    'printf ',
    '"%d%s"',
    'query ',
    '"up"',
    'first',
    'eq ',
    'index ',
    '-',
    '/*',
    '*/',
    '\n',
    'len ',
    'humanize ',
    '.',
    "'a'",
  ];
  for (let i = 0; i < 3_000; i++) {
    let text = '';
    for (let n = below(14); n >= 0; n--) text += pick(pieces);
    try {
      compileTemplate(text);
    } catch (error) {
      if (!(error instanceof AppError)) throw new Error(`${JSON.stringify(text)}: ${String(error)}`);
      continue;
    }
    expect(typeof (await expand(text))).toBe('string');
  }
});
