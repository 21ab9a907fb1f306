"""unit_tests: a folder's tests, each from its own file NAME_test.cc.

On Linux every file is a test program. On Windows they are one, windows_test: under wine starting a program costs more
than most tests, and linking it more than that. A file that is named for a system (as tests/house/house.py has it) is
built for that system alone.
"""

_LINUX = ("_posix", "_linux", "_epoll")
_WINDOWS = ("_win", "_iocp")

def unit_tests(tests, options = {}, linux_only = [], windows_size = "small"):
    """Declares the tests.

    Args:
      tests: {NAME: its dependencies}.
      options: {NAME: {attribute of its cc_test: value}}, on Linux.
      linux_only: names of those that need what the Windows build leaves out.
      windows_size: of windows_test.
    """
    windows_tests = []
    windows_deps = {"@com_google_googletest//:gtest_main": True}
    for name, deps in tests.items():
        if not name.endswith(_WINDOWS):
            native.cc_test(
                name = name + "_test",
                srcs = [name + "_test.cc"],
                target_compatible_with = ["@platforms//os:linux"],
                deps = deps + ["@com_google_googletest//:gtest_main"],
                **dict({"size": "small"}, **options.get(name, {}))
            )
        if not name.endswith(_LINUX) and name not in linux_only:
            windows_tests.append(name)
            windows_deps.update({dep: True for dep in deps})
    native.cc_test(
        name = "windows_test",
        size = windows_size,
        srcs = [name + "_test.cc" for name in windows_tests],
        target_compatible_with = ["@platforms//os:windows"],
        deps = windows_deps.keys(),
    )
