# What jq has and jaq has not, or has otherwise.
def delpath($path):
  if $path == [] then null
  else getpath($path[:-1]) as $parent | $path[-1] as $last
    | if $parent == null or ($last | isstring or (isnumber and . >= 0)) and ($parent | has($last) | not) then .
      else getpath($path) |= empty end
  end;
def delpaths($paths): reduce ($paths | sort | reverse[]) as $path (.; delpath($path));
def del(f): delpaths([path(f)]);
def from_entries: reduce .[] as $x ({}; . + {
  ($x | if .key == null then if .k == null then if .name == null then if .Name == null then if .K == null then .Key else .K end else .Name end else .name end else .k end else .key end
    | if isstring then . elif . == null then "null" elif isboolean or isnumber then tojson else error("a key has to be a string") end):
  ($x | if has("value") then .value elif has("v") then .v else .Value end)
});
def with_entries(f): to_entries | map(f) | from_entries;
def ascii: [.] | implode;
def toarray: if isarray then . else [.] end;
def leaf_paths: paths(scalars);
def trimstr($x): ltrimstr($x) | rtrimstr($x);
def IN(s): any(s == .; .);
def IN(src; s): any(src == s; .);
def INDEX(stream; f): reduce stream as $row ({}; .[$row | f | tostring] |= $row);
def INDEX(f): INDEX(.[]; f);
def date: todate;
def @csv: if isarray then . else error("only an array has a form as CSV") end | map(
    if isnumber or isboolean then tojson
  elif . == null then ""
  elif isstring then "\"" + (split("\"") | join("\"\"")) + "\""
  else error("an array or object has no form as CSV") end) | join(",");
def @tsv: if isarray then . else error("only an array has a form as TSV") end | map(
    if isnumber or isboolean then tojson
  elif . == null then ""
  elif isstring then escape_tsv
  else error("an array or object has no form as TSV") end) | join("\t");
