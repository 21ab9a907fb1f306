"""How Linux compiles for Windows: Debian's g++-mingw-w64-x86-64-posix, told to Bazel."""

load("@bazel_tools//tools/build_defs/cc:action_names.bzl", "ACTION_NAMES")
load(
    "@bazel_tools//tools/cpp:cc_toolchain_config_lib.bzl",
    "artifact_name_pattern",
    "feature",
    "flag_group",
    "flag_set",
    "tool_path",
    "with_feature_set",
)

_TRIPLE = "x86_64-w64-mingw32"

_COMPILE = [
    ACTION_NAMES.c_compile,
    ACTION_NAMES.cpp_compile,
    ACTION_NAMES.cpp_header_parsing,
    ACTION_NAMES.assemble,
    ACTION_NAMES.preprocess_assemble,
]

_COMPILE_FLAGS = [
    # Windows 10: its structures and calls are declared. The min and max of the standard library stay usable, and
    # <windows.h> leaves sockets to <winsock2.h>, so that their order does not matter.
    "-D_WIN32_WINNT=0x0A00",
    "-DNOMINMAX",
    "-DWIN32_LEAN_AND_MEAN",
    # The same source gives the same bytes.
    "-fno-canonical-system-headers",
    "-Wno-builtin-macro-redefined",
    "-D__DATE__=\"redacted\"",
    "-D__TIMESTAMP__=\"redacted\"",
    "-D__TIME__=\"redacted\"",
]

_LINK_FLAGS = [
    # One .exe that stands alone: libstdc++, libgcc and winpthread are in it.
    "-static",
    "-Wl,--no-insert-timestamp",
]

def _flag_set(actions, flags, mode = None):
    return flag_set(
        actions = actions,
        flag_groups = [flag_group(flags = flags)],
        with_features = [with_feature_set(features = [mode])] if mode else [],
    )

def _impl(ctx):
    tools = {name: "-" + name for name in ["ar", "ld", "nm", "objcopy", "objdump", "strip"]}
    tools.update(cpp = "-cpp-posix", gcc = "-g++-posix", gcov = "-gcov-posix")
    return cc_common.create_cc_toolchain_config_info(
        ctx = ctx,
        toolchain_identifier = "mingw-x86_64",
        host_system_name = "local",
        target_system_name = _TRIPLE,
        target_cpu = "x64_windows",
        target_libc = "mingw",
        compiler = "mingw-gcc",  # the name by which Abseil's build files know it
        abi_version = "local",
        abi_libc_version = "local",
        cxx_builtin_include_directories = [
            "/usr/lib/gcc/" + _TRIPLE,
            "/usr/" + _TRIPLE + "/include",
            "/usr/share/mingw-w64/include",
        ],
        artifact_name_patterns = [
            artifact_name_pattern(category_name = "executable", prefix = "", extension = ".exe"),
            artifact_name_pattern(category_name = "dynamic_library", prefix = "", extension = ".dll"),
            artifact_name_pattern(category_name = "interface_library", prefix = "", extension = ".if.lib"),
        ],
        features = [feature(name = mode) for mode in ["opt", "dbg", "fastbuild"]] + [
            feature(name = "postern_flags", enabled = True, flag_sets = [
                _flag_set(_COMPILE, _COMPILE_FLAGS),
                _flag_set(_COMPILE, ["-O2", "-DNDEBUG"], "opt"),
                _flag_set(_COMPILE, ["-g", "-O0"], "dbg"),
                _flag_set([
                    ACTION_NAMES.cpp_link_executable,
                    ACTION_NAMES.cpp_link_dynamic_library,
                    ACTION_NAMES.cpp_link_nodeps_dynamic_library,
                ], _LINK_FLAGS),
            ]),
        ],
        tool_paths = [tool_path(name = name, path = "/usr/bin/" + _TRIPLE + end) for name, end in tools.items()],
    )

mingw_cc_toolchain_config = rule(implementation = _impl, attrs = {}, provides = [CcToolchainConfigInfo])
