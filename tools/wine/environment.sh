# How we use wine, for the scripts beside this one to source: quiet, without a display, in a prefix of this clone.

tree=$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../..
wine=/usr/lib/wine/wine64
wineserver=/usr/lib/wine/wineserver64
export WINEPREFIX=${WINEPREFIX:-$(realpath -m "$tree/.cache/wine")} HOME=${HOME:-/tmp}
export WINEDEBUG=${WINEDEBUG:--all} WINEDLLOVERRIDES="mscoree=;mshtml=;winemenubuilder.exe="
export LC_ALL=C.UTF-8 # in another locale wine makes no name that is not in its code page
unset DISPLAY WAYLAND_DISPLAY
