# Move what a batch has staged of an exposure to where it belongs; fail if the exposure failed.
# Called with the folder that was staged, the crash file ('' if there is none), and the other files.
staged=$1
crash_file=$2
shift 2
taken=$staged.$$.taken
mv "$staged" "$taken" || exit 1
[ -z "$crash_file" ] || rm -f "$crash_file"
for file in "$@" ${crash_file:+"$crash_file"}; do
    [ ! -e "$taken/${file##*/}" ] || mv -f "$taken/${file##*/}" "$file" || exit 1
done
failed=0
[ ! -e "$taken/.failed" ] || failed=1
rm -rf "$taken"
exit $failed
