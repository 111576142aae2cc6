"""Makes cases.json, and more.json of more-templates.json: small templates, each with what Python's Jinja renders or raises.
Run with jinja2 3.1.6:

    python3 -m venv /tmp/jinja && /tmp/jinja/bin/pip install jinja2==3.1.6 && /tmp/jinja/bin/python make.py

Set up as Hugging Face transformers does for chat templates.
"""

import json
from datetime import datetime
from pathlib import Path

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension
from jinja2.sandbox import ImmutableSandboxedEnvironment

NOW = "2026-02-05T09:07:03"


class Generation(Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_render"), [], [], body).set_lineno(line)

    def _render(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


env = ImmutableSandboxedEnvironment(
    trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
)
env.filters["tojson"] = tojson
env.globals["raise_exception"] = raise_exception
env.globals["strftime_now"] = lambda format: datetime.fromisoformat(NOW).strftime(format)

CONTEXT = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi  there "},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": {"b": 1, "a": [True, None, 2.5, "ü\"'"]}}}]},
        {"role": "tool", "content": "{\"x\": 1}", "name": "f"},
        {"role": "user", "content": [{"type": "text", "text": "part"}, {"type": "image"}]},
    ],
    "tools": [
        {"type": "function", "function": {"name": "zeta", "description": "Zürich \U0001f600", "parameters": {"type": "object", "properties": {"q": {"type": "string", "enum": ["a", "b"]}, "n": {"type": ["integer", "null"]}}, "required": ["q"]}}},
        {"type": "function", "function": {"name": "Alpha", "description": "", "parameters": {}}},
    ],
    "d": {"b": 1, "a": "x", "C": None, "items": 5},
    "words": ["pear", "Apple", "fig", "apple"],
    "numbers": [3, 1, 2.5, -4],
    "s": "  Hello, World\n",
    "name": "o'brien \"q\"",
    "n": 7,
    "f": 2.5,
    "big": 12345678901,
    "t": True,
    "no": None,
    "empty": [],
    "zero": 0,
    "unicode": "naïve ß ǆ 日本 😀",
    "think": "<think>\nwhy\n</think>\n\nAnswer </think> x",
}

EXPRESSIONS = r"""
none|True|t|not t|no|n|f|big|1.0|2.50|10/4|10/5|7//2|-7//2|7%3|-7%3|2**10|2**-1|1+1.0|1/3|100000000*100000000|0.1+0.2|1.0*3|5.0//2|7.5%2
[1, 'a', none, true, 2.0]|(1, 'b')|{}|{'a': 1, 'b': [none]}|{'it''s': "x"}|d|messages[2]|tools[0].function.parameters|[[]]
'a' ~ 1 ~ none ~ true|'a' + 'b'|'a' * 3|[1] + [2]|[0] * 2|'%s-%d' % ('a', 3)|'%05.1f' % 3.14159|'x' 'y'
name|[name]|["it's"]|['both " and \'']|['tab\t', 'nl\n', '\\', 'é', '\x07', '\u200b']
n == 7|n == 7.0|true == 1|'1' == 1|none == undefinedvar|undefinedvar == other|[1] == [1]|{'a': 1} == {'a': 1.0}|(1, 2) == [1, 2]
n < 8|n >= 7|'a' < 'b'|'B' < 'a'|[1,2] < [1,3]|n in numbers|3 in numbers|3.0 in numbers|'a' in d|'x' in d|'ell' in s|'a' in undefinedvar|'a' not in ['b']|none in [none]
undefinedvar|undefinedvar.x|d.missing|d.missing.deeper|d['missing']|no.x|undefinedvar is defined|d.a is defined|d.zz is defined|d.zz is not defined|messages[9]|messages[9] is defined|s.nothing|undefinedvar + 'a'|undefinedvar ~ 'a'|'a' + none|'a' + 1|1 + 'a'|none + 'a'|undefinedvar()|d.items|d['items']
no or 'x'|'' or 0|n and 'y'|not undefinedvar|(n if t else 2)|('x' if no)|('x' if no) is defined|'a' if zero else 'b' if empty else 'c'
n is number|n is integer|f is float|f is integer|t is integer|t is number|t is boolean|s is string
d is mapping
d is iterable
s is iterable|empty is sequence
d is sequence|no is none|no is not none|n is odd|n is even|n is divisibleby 7|n is divisibleby(2)|n is eq 7|n is equalto(7)|n is ne 7|n is gt 5|n is lt(3)|n is ge 7|n is in [1, 7]|'a' is in 'abc'|'abc' is lower|'ABC' is upper|'123' is lower|none is sameas none|t is true|n is true|t is false|t is sameas true|undefinedvar is none|range is callable|d.get is callable|n is number and n > 3|not n is odd|messages is string|undefinedvar is iterable|n is not divisibleby 2 and t|words[0] is in words
s.strip()|s.lstrip()|s.rstrip()|s.strip(' H\n')|s.strip('\n')|'xxaxx'.lstrip('x')|'xxaxx'.rstrip('x')|'a.b.c'.split('.')|'a.b.c'.split('.', 1)|'a.b.c'.rsplit('.', 1)|' a  b '.split()|' a  b c '.split(none, 1)|'a,b'.split(',')[-1]|''.split(',')|''.split()|'ab'.split('')|'Hello'.upper()|'Hello'.lower()|'hello wORLD'.title()|'hello wORLD'.capitalize()|'Hello'.swapcase()|'abc'.startswith('ab')|'abc'.startswith(('x', 'a'))|'abc'.endswith('bc')|'abcabc'.replace('b', 'X')|'abcabc'.replace('b', 'X', 1)|'abcabc'.find('c')|'abc'.find('x')|'abcabc'.rfind('c')|'abc'.index('b')|'abc'.index('x')|'abcabc'.count('bc')|', '.join(['a', 'b'])|', '.join([1])|'a=b=c'.partition('=')|'a=b=c'.rpartition('=')|'abc'.partition('=')|'123'.isdigit()|'12a'.isdigit()|'abc'.isalpha()|'ab1'.isalnum()|' '.isspace()|''.isspace()|'ABC'.isupper()|'abc1'.islower()|'42'.zfill(5)|'-42'.zfill(5)|'a'.ljust(3) ~ '|'|'a'.rjust(3)|'prefix-x'.removeprefix('prefix-')|'x.txt'.removesuffix('.txt')|'a\nb\r\nc'.splitlines()|'a\n'.splitlines(true)|'{} {}'.format('a', 1)|'{0}-{x}'.format('a', x=2)|unicode.upper()|unicode|length
unicode[0]|unicode[-1]|unicode[2:4]|unicode[::-1]|'abc'[5]|'abcdef'[1:]|'abcdef'[:-1]|'abcdef'[-3:]|'abcdef'[::2]|'abcdef'[::-2]|'abcdef'[4:1:-1]|words[1:]|words[::-1]|words[:-1]|words[-1]|words[1:][0]|(1,2,3)[1:]|messages[1:][0].role|messages[-1]['role']|messages[-1:][0]['role']|numbers[100:]|'abc'[::0]
think.split('</think>')[-1]|think.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n')|think.split('</think>')[-1].strip()|think.split('<think>')|length
d.get('a')|d.get('zz')|d.get('zz', 'def')|d.keys()|list|d.values()|list|d.items()|list|d|list|d|length|d|items|list|d|dictsort|d.get('b') + 1|messages[0].get('content')|messages|length|messages[0].keys()|join(',')
s|trim|s|upper|s|lower|'abc'|first|words|last|empty|first|words|join(', ')|words|join|numbers|join('-')|[1, none, true]|join('|')|words|sort|words|sort(case_sensitive=true)|words|sort(reverse=true)|numbers|sort|words|unique|list|words|reverse|list|'abc'|reverse|words|list|'abc'|list|numbers|sum|numbers|max|numbers|min|words|min|[]|max|n|abs|-3|abs|f|round|2.567|round(2)|2.567|round(1, 'floor')|7|round|0.5|round|1.5|round|2.675|round(2)|f|int|'12'|int|'12.7'|int|'x'|int|'x'|int(-1)|none|int|'3.5'|float|n|float|t|int|n|string|no|string|t|string|d|string|words|string|f|string|[1.0]|string
undefinedvar|default('x')|undefinedvar|default|no|default('x')|no|default('x', true)|''|default('x', true)|''|d('y', boolean=true)|undefinedvar|d(5)|d.zz|default('q')
d|tojson|words|tojson|no|tojson|t|tojson|f|tojson|1.0|tojson|s|tojson|name|tojson|unicode|tojson|unicode|tojson(ensure_ascii=true)|d|tojson(indent=2)|{}|tojson(indent=2)|[[], {}]|tojson(indent=2)|tools|tojson(indent=4)|tools[0]|tojson|d|tojson(separators=(',', ':'))|{'b': 1, 'a': 2}|tojson(sort_keys=true)|'\u2028<>&'|tojson|messages[2].tool_calls[0].function.arguments|tojson|messages[2]|tojson|undefinedvar|tojson|{1: 2}|tojson|(1, 2)|tojson|123456789.123|0.00001|12345678901234567890.0|tojson
words|map('upper')|list|words|map('length')|list|messages|map(attribute='role')|list|messages|map(attribute='role')|join(',')|messages|map(attribute='name', default='-')|list|messages|selectattr('role', 'equalto', 'user')|list|length|messages|selectattr('role', 'eq', 'system')|map(attribute='content')|first|messages|rejectattr('role', 'equalto', 'user')|map(attribute='role')|list|messages|selectattr('tool_calls', 'defined')|list|length|messages|selectattr('tool_calls')|list|length|messages|selectattr('role', 'in', ['tool', 'system'])|list|length|numbers|select('odd')|list|numbers|reject('gt', 2)|list|words|select('in', ['fig'])|list|[0, 1, '']|select|list|tools|map(attribute='function.name')|list|tools|map(attribute='function')|map(attribute='name')|sort|list|messages|groupby('role')|length|words|batch(2)|list|words|batch(3, '-')|list|tools|sort(attribute='function.name')|map(attribute='function.name')|list|[1,[2]]|string|words|map('replace', 'p', 'b')|list|messages|last
'a\nb\n\nc'|indent|'a\nb'|indent(2)|'a\nb'|indent(2, true)|'a\n\nb'|indent(2, blank=true)|'a\nb'|indent('> ')|'<a href="x">'|e|'<b>'|escape|'<b>'|safe|'a b'|urlencode|'one two three'|wordcount|'a long text here'|truncate(9)|'xxaxx'|trim('x')|'hello world'|title|'HELLO'|capitalize|'aXbX'|replace('X', 'y')|5|replace(5, 6)|'a'|length|no|length|n|length|undefinedvar|length|undefinedvar|list|undefinedvar|join|undefinedvar|upper|undefinedvar|trim ~ '.'|no|trim|no|upper|n|upper|d|upper|'%s!'|format('x')
strftime_now('%Y-%m-%d')|strftime_now('%d %b %Y')|strftime_now('%B %d, %Y')|strftime_now('%A %a %j %H:%M:%S %I %p %y %%')|strftime_now('%-d %e')|strftime_now('%D %F %T')|strftime_now('%U %W %w %u')
range(3)|list|range(1, 4)|list|range(5, 0, -2)|list|range(3)[1]|namespace(a=1).a|dict(a=1)|dict(a=1).a|raise_exception('Stop: ' ~ n)|-n|+n|-f|not not n|-n|abs|(n)|abs|[1,2,3][n - 6]|d['a' ~ '']|words[zero]|words['0']|d.items()|length|tools[0]['function']['name']|tools.0.function.name|messages[0]['content'][:2] + '...'
[].append(1)|{'a': 1}.update({'b': 2})|words.append('x')|nosuch|nofilter|n is nosuchtest|1 // 0|'abc'.nomethod()|'a' < 1|none < 1|messages[0].content is string and messages[0].content|length > 3|'a' in 'abc' and 'b' in 'abc'|('a', 'b') == ('a', 'b')|t == true and no == none|n|string + 's'|n ~ '' == '7'|(words|length) - 1|words|length - 1
"""

TEMPLATES = [
    "{% for m in messages %}{{ m.role }}:{{ loop.index }}{% if not loop.last %}, {% endif %}{% endfor %}",
    "{% for m in messages %}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }} {% endfor %}",
    "{% for m in messages %}{% if loop.previtem is defined %}{{ loop.previtem.role }}<{% endif %}{{ m.role }}{% if loop.nextitem %}>{{ loop.nextitem.role }}{% endif %} {% endfor %}",
    "{% for x in undefinedvar %}a{% else %}none{% endfor %}",
    "{% for x in empty %}a{% else %}none{% endfor %}",
    "{% for x in no %}a{% endfor %}",
    "{% for x in n %}a{% endfor %}",
    "{% for c in 'ab😀' %}[{{ c }}]{% endfor %}",
    "{% for k in d %}{{ k }} {% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }} {% endfor %}",
    "{% for k, v in d|items %}{{ k }}={{ v }} {% endfor %}",
    "{% for k, v in d|dictsort(by='value') %}{{ k }}{% endfor %}",
    "{% for k, v in d|dictsort(true) %}{{ k }}{% endfor %}",
    "{% for k, v in d|dictsort(reverse=true) %}{{ k }}{% endfor %}",
    "{% for a, b in [(1, 2), [3, 4]] %}{{ a + b }} {% endfor %}",
    "{% for a, b in [(1, 2, 3)] %}{{ a }}{% endfor %}",
    "{% for a in [1, 2, 3] if a != 2 %}{{ a }}{{ loop.index }}{{ loop.last }} {% endfor %}",
    "{% for m in messages if m.role == 'user' %}{{ loop.index }}/{{ loop.length }}{% else %}x{% endfor %}",
    "{% for i in range(10) %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 5 %}{% break %}{% endif %}{{ i }}{% endfor %}",
    "{% for i in range(3) %}a{% if i == 1 %}b{% break %}c{% endif %}d{% endfor %}",
    "{% for i in range(2) %}{% for j in range(2) %}{{ i }}{{ j }}{{ loop.index }}{% endfor %}{{ loop.index }} {% endfor %}",
    "{% for i in range(4) %}{{ loop.cycle('a', 'b') }}{% endfor %}",
    "{% for i in [1, 1, 2] %}{{ loop.changed(i) }} {% endfor %}",
    "{% set x = 1 %}{% for i in range(2) %}{% set x = i + 5 %}{{ x }}{% endfor %}{{ x }}",
    "{% set x = 1 %}{% if true %}{% set x = 2 %}{% endif %}{{ x }}",
    "{% for i in range(2) %}{% set y = i %}{% endfor %}{{ y is defined }}",
    "{% for i in range(2) %}{% if y is defined %}y{% endif %}{% set y = i %}{% endfor %}",
    "{% set ns = namespace(found=false, n=0) %}{% for m in messages %}{% if m.role == 'tool' %}{% set ns.found = true %}{% endif %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.found }} {{ ns.n }}",
    "{% set ns = namespace() %}{{ ns.missing is defined }}{% set ns.a = [] %}{% set ns.a = ns.a + [1] %}{{ ns.a }}",
    "{% set a, b = 1, 'x' %}{{ a }}{{ b }}",
    "{% set (a, b) = (1, 2) %}{{ a }}{{ b }}",
    "{% set t = 1, 2 %}{{ t }}",
    "{% set text %}Hi {{ n }}{% endset %}[{{ text }}]",
    "{% set text | upper %}Hi {{ n }}{% endset %}[{{ text }}]",
    "{% set d.x = 1 %}",
    "{% macro m(a, b='x', c=none) %}{{ a }}-{{ b }}-{{ c }}{% endmacro %}{{ m(1) }} {{ m(1, 2) }} {{ m(1, c=3) }} {{ m(b=5, a=4) }}",
    "{% macro m(a) %}[{{ a }}]{% endmacro %}{{ m() }}{{ m(none) }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(b=1) }}",
    "{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, x=3) }}",
    "{% macro m(a, b=a) %}{{ b }}{% endmacro %}{{ m(4) }}",
    "{% macro m() %}{{ later }}{% endmacro %}{% set later = 5 %}{{ m() }}",
    "{% macro m() %}{{ inner }}{% endmacro %}{% for inner in [1] %}{{ m() }}{% endfor %}|",
    "{% macro fact(n) %}{% if n <= 1 %}1{% else %}{{ n * (fact(n - 1) | int) }}{% endif %}{% endmacro %}{{ fact(5) }}",
    "{% macro m() %}a{{ caller() }}b{% endmacro %}{% call m() %}X{% endcall %}",
    "{% macro m(l) %}{% for x in l %}{{ caller(x) }};{% endfor %}{% endmacro %}{% call(i) m([1, 2]) %}<{{ i }}>{% endcall %}",
    "{% macro m(x) -%}\n  {{ x }}\n{%- endmacro %}{{ m('a') ~ m('b') }}|{{ m('a')|length }}",
    "{% filter upper %}abc {{ n }}{% endfilter %}",
    "{% filter indent(2) %}a\nb{% endfilter %}",
    "{% raw %}{{ n }} {% if %}{% endraw %}",
    "a {% raw -%}  x  {%- endraw %} b",
    "{% raw %}\nx\n{% endraw %}\ny",
    "{# comment #}a{#- c -#} b",
    "a\n{# comment #}\nb",
    "a\n   {# comment #}   \nb",
    "  {% if true %}\n  x\n  {% endif %}\n  y",
    "  {%- if true -%}\n  x\n  {%- endif -%}\n  y",
    "  {%+ if true %}\n  x\n  {%+ endif +%}\n  y",
    "{% if true +%}\nx{% endif %}\n",
    "a {% if true %} b {% endif %} c\n\n",
    "a\n\n",
    "a\r\nb\r\n{% if true %}\r\nc{% endif %}\r\n",
    "{{ n }}\n{{ n }}\n\n",
    "{{ n -}}\n\n {{- n }}",
    "\t{% if true %}\t\n\tx{% endif %}",
    "x  {% if true %}\n y {% endif %}",
    "{% if true %}\n\n\nx{% endif %}",
    "a}\n{b-}\n#}\n%}\nc",
    "{{ '%}' }}{% if '}}' == '}}' %}y{% endif %}{{ \"{{ x }}\" }}",
    "{{ '-%}\n   {%' }}",
    "{{ '#}\nx' }}|{{ '\n  {# no #}' }}",
    "{{ {'a': {'b': 1}} }}",
    "{{ {'a': {'b': 1}}['a'] }}",
    "{{ '\\d \\. \\x41 \\u00e9 \\t|\\n|\\'' }}",
    "{{ \"a\\\\nb\" }}",
    "{%if n==7%}y{%endif%}{{n}}{{-n}}",
    "{% if n == 1 %}a{% elif n == 7 %}b{% else %}c{% endif %}",
    "{% if not (n == 1 or s) and t %}a{% else %}b{% endif %}",
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set sys = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}{% endif %}{{ loop_messages|length }}{{ sys }}",
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% endfor %}",
    "{% generation %}\nx\n{% endgeneration %}\ny",
    "a\n  {%- generation -%}\n x\n  {%- endgeneration -%}\n y",
    "  {% generation %}x{% endgeneration %}",
    "{{ bos_token }}{{ eos_token|default('E') }}",
    "{% for tool in tools %}{{- tool | tojson }}\n{% endfor %}",
    "{% for tool in tools %}{% set f = tool.function %}{{ f.name }}({% for k, p in f.parameters.properties.items() %}{{ k }}: {{ p.type }}{% if not loop.last %}, {% endif %}{% endfor %}){% endfor %}",
    "{% for tool in tools %}{% for k, p in (tool.function.parameters.properties or {}).items() %}{{ k }}{% if p.enum is defined %}{{ p.enum|join('/') }}{% endif %}{% if p.type is string %}s{% elif p.type is iterable %}i{% endif %}{% endfor %}{% endfor %}",
    "{% for m in messages %}{% if m.content is string %}{{ m.content }}{% elif m.content is iterable %}{% for p in m.content %}{% if p.type == 'text' %}{{ p.text }}{% else %}[{{ p['type'] }}]{% endif %}{% endfor %}{% elif m.content is none %}NONE{% endif %}|{% endfor %}",
    "{% for m in messages %}{{ m.content }}|{% endfor %}",
    "{% for m in messages %}{{ '<' + m['role'] + '>' + m['content'] + '\\n' }}{% endfor %}",
    "{% for m in messages %}{% for call in m.tool_calls or [] %}{{ call.function.name }}{{ call.function.arguments | tojson }}{% endfor %}{% endfor %}",
    "{% for m in messages %}{% if 'tool_calls' in m and m.tool_calls %}T{% endif %}{% if m.tool_calls is defined %}D{% endif %}{% endfor %}",
    "{% for m in messages[::-1] %}{{ loop.index0 }}{{ m.role[0] }}{% endfor %}",
    "{% for m in messages|reverse %}{{ m.role[0] }}{% endfor %}",
    "{% set last = (messages|selectattr('role', 'equalto', 'user')|list)[-1] %}{{ last.content[0].text }}",
    "{% set out = [] %}{% for m in messages %}{% set out = out + [m.role] %}{% endfor %}{{ out }}",
    "{% set x %}\n  a\n{% endset %}[{{ x }}]",
    "{{ messages | tojson(indent=2) }}",
    "{{ {'name': 'f', 'parameters': d} | tojson }}",
    "{% set arguments = messages[2].tool_calls[0].function.arguments %}{% for k, v in arguments|items %}<{{ k }}>{{ v | tojson if v is not string else v }}</{{ k }}>{% endfor %}",
    "{% for k, v in arguments|items %}x{% endfor %}",
    "{{ '' if not add_generation_prompt else 'G' }}",
    "{%- if tools is defined and tools is not none and tools|length > 0 -%}T{%- endif -%}",
    "{%- if tools is iterable and tools | length > 0 %}I{% endif %}",
    "{% if messages[0].role not in ['user', 'assistant'] %}x{% endif %}",
    "{% set date = strftime_now('%d %B %Y') if strftime_now is defined else 'none' %}{{ date }}",
    "{% if enable_thinking is defined and enable_thinking is false %}off{% else %}on{% endif %}",
    "{{ (messages[0].content or '') | trim ~ '!' }}",
    "{{ messages[1].content.strip() + ('' if t else 'x') }}",
    "{% set j = joiner(', ') %}{% for x in words %}{{ j() }}{{ x }}{% endfor %}",
    "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}",
    "{{ ['a', 'b'] | join(', ') | upper | length }}",
    "{{ words | map('lower') | unique | sort | join(' ') }}",
    "{{ [1, 2, 3] | sum / 2 }}",
    "{% set x = {'a': 1} %}{% set y = dict(x, b=2) %}{{ y }}",
    "{% set x = dict([('a', 1)]) %}{{ x }}",
    "{% for group in messages|groupby('role') %}{{ group.grouper }}{{ group.list|length }} {% endfor %}",
    "{% for role, list in messages|groupby('role') %}{{ role }}{{ list|length }} {% endfor %}",
    "{% if x %}{% endfor %}",
    "{% for %}",
    "{{ a b }}",
    "{{ 'open }}",
    "{% unknown %}",
    "{{ n",
    "{% if true %}x",
    "{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}{%- for message in messages[::-1] %}{%- set index = (messages|length - 1) - loop.index0 %}{%- if ns.multi_step_tool and message.role == 'user' and message.content is string and not (message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}{%- set ns.multi_step_tool = false %}{%- set ns.last_query_index = index %}{%- endif %}{%- endfor %}{{ ns.last_query_index }}",
    "{%- macro typed(spec) -%}{%- if spec.type is string -%}{{ spec.type }}{%- elif spec.type is sequence -%}{{ spec.type | join(' | ') }}{%- endif -%}{%- if spec.enum %} in {{ spec.enum | map('tojson') | join(', ') }}{%- endif -%}{%- endmacro -%}{%- for k, p in tools[0].function.parameters.properties.items() -%}{{ k }}: {{ typed(p) }}{{ ', ' if not loop.last }}{%- endfor -%}",
    "{{ 'a' if n is defined and n is number and n is not none }}{{ 'b' if n is string or n is number }}",
    "{% set x = n if n is divisibleby 7 else 0 %}{{ x }}",
    "{{ words[0] if words is sequence and words is not mapping else 'x' }}",
    "{{ [n is odd, n is even, s is not string] }}",
    "{{ d is mapping and 'a' in d }}{{ n is in numbers or false }}",
    "{{ messages | selectattr('content', 'string') | map(attribute='content') | map('trim') | join('|') }}",
    "{{ messages | map(attribute='content') | select('none') | list | length }}",
    "{{ (n, f) }}{{ [(1, 'a')] | tojson }}",
]


def case(template):
    try:
        return {"template": template, "text": env.from_string(template).render(**CONTEXT)}
    except Exception as error:
        return {"template": template, "error": type(error).__name__, "message": str(error)}


def expressions():
    """One to a line or several, divided by `|` where that does not begin a filter: marked by what can stand alone."""
    for line in EXPRESSIONS.strip().split("\n"):
        parts = line.split("|")
        current = parts[0]
        for part in parts[1:]:
            name = part.split("(")[0].split(" ")[0].split("[")[0]
            if name in FILTERS and not current.endswith("~ '"):
                current += "|" + part
            elif current.count("'") % 2 or current.count("(") > current.count(")"):
                current += "|" + part
            else:
                yield current
                current = part
        yield current


FILTERS = set(env.filters) | {"nofilter"}
cases = [case("{{ " + e + " }}") for e in expressions()] + [case(t) for t in TEMPLATES]


def write(name, cases):
    # an address in memory differs from run to run
    cases = [case for case in cases if " at 0x" not in case.get("text", "")]
    Path(__file__).with_name(name).write_text(
        json.dumps({"jinja2": jinja2.__version__, "now": NOW, "context": CONTEXT, "cases": cases}, ensure_ascii=False, indent=1)
        + "\n"
    )
    print(name, len(cases), "cases,", sum("error" in c for c in cases), "of them errors")


more = json.loads(Path(__file__).with_name("more-templates.json").read_text())
write("cases.json", cases)
write("more.json", [case(template) for template in more])
