"""fuzz_target: one LLVMFuzzerTestOneInput, used twice.

NAME is a plain test that replays the corpus (tests/fuzz/corpus/NAME), with every compiler and sanitizer: what fuzzing
found once never comes back unseen. NAME_fuzz is the libFuzzer program, built only with --config=fuzz; tools/test finds
it by its tag and runs it for a while, starting from the same corpus.
"""

def fuzz_target(name, srcs, deps):
    native.cc_library(
        name = name + "_lib",
        testonly = True,
        srcs = srcs,
        alwayslink = True,
        deps = deps,
    )
    corpus = native.glob(["corpus/" + name + "/**"])
    native.cc_test(
        name = name,
        size = "small",
        srcs = ["replay.cc"],
        args = [native.package_name() + "/corpus/" + name],
        data = corpus,
        target_compatible_with = ["@platforms//os:linux"],  # parsers know no system
        deps = [
            ":" + name + "_lib",
            "@com_google_googletest//:gtest",
        ],
    )
    native.cc_binary(
        name = name + "_fuzz",
        testonly = True,
        linkopts = ["-fsanitize=fuzzer"],
        tags = [
            "fuzz",
            "manual",
        ],
        deps = [":" + name + "_lib"],
    )
