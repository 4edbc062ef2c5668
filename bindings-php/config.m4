PHP_ARG_WITH([evergrant],
  [for evergrant support],
  [AS_HELP_STRING([--with-evergrant],
    [Include evergrant support; libevergrant is found by pkg-config])])

PHP_ARG_ENABLE([evergrant-testing],
  [whether evergrant has functions that fail on purpose],
  [AS_HELP_STRING([--enable-evergrant-testing],
    [For its own tests: needs a libevergrant with the feature "testing"])],
  [no],
  [no])

if test "$PHP_EVERGRANT" != "no"; then
  PKG_CHECK_MODULES([EVERGRANT], [evergrant >= 0.1.0])
  PHP_EVAL_INCLINE($EVERGRANT_CFLAGS)
  PHP_EVAL_LIBLINE($EVERGRANT_LIBS, EVERGRANT_SHARED_LIBADD)
  dnl PHP unloads extensions at exit, while threads of the library may live.
  EVERGRANT_SHARED_LIBADD="$EVERGRANT_SHARED_LIBADD -Wl,-z,nodelete"
  PHP_SUBST([EVERGRANT_SHARED_LIBADD])

  EVERGRANT_CPPFLAGS="-DPHP_EVERGRANT_VERSION='\"$($PKG_CONFIG --modversion evergrant)\"'"
  if test "$PHP_EVERGRANT_TESTING" != "no"; then
    EVERGRANT_CPPFLAGS="$EVERGRANT_CPPFLAGS -DEVERGRANT_TESTING"
  fi
  PHP_NEW_EXTENSION([evergrant], [evergrant.c call.c client.c grant.c functions.c callbacks.c errors.c json.c results.c], [$ext_shared],,
    [-std=gnu11 -Wall -Wextra -Wno-unused-parameter $EVERGRANT_CPPFLAGS])
  PHP_ADD_EXTENSION_DEP([evergrant], [json])
fi
