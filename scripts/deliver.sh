# Move what a batch has staged of an exposure to where it belongs; fail if the exposure failed.
# Called with the folder that was staged, the crash file, the picture that was drawn beside the
# products ('' for none of either), and the other files that the rule is known to make; whatever
# else steps have been told to save goes beside the last of these.
staged=$1
crash_file=$2
picture=$3
shift 3
taken=$staged.$$.taken
mv "$staged" "$taken" || exit 1
trap 'rm -rf "$taken"' EXIT
[ -z "$crash_file" ] || rm -f "$crash_file"
[ -z "$picture" ] || rm -f "$picture"
for file in "$@" ${crash_file:+"$crash_file"}; do
    [ ! -e "$taken/${file##*/}" ] || mv -f "$taken/${file##*/}" "$file" || exit 1
done
for saved in "$taken"/*; do
    [ ! -f "$saved" ] || mv -f "$saved" "${file%/*}/" || exit 1
done
if [ -n "$picture" ] && [ -e "$taken/quicklook/${picture##*/}" ]; then
    mkdir -p "${picture%/*}" && mv -f "$taken/quicklook/${picture##*/}" "$picture" || exit 1
fi
failed=0
[ ! -e "$taken/.failed" ] || failed=1
exit $failed
