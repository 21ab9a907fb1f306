"""system_headers: a header-only Debian package as an external repository.

Only the named folder of /usr/include is linked, never the whole: a library that we did not choose stays invisible.
"""

def _impl(ctx):
    headers = ctx.path("/usr/include/" + ctx.attr.folder)
    if not headers.exists:
        fail("%s is not there: package %s is missing; run tools/setup" % (headers, ctx.attr.package))
    ctx.symlink(headers, "include/" + ctx.attr.folder)
    ctx.file("BUILD.bazel", """
cc_library(
    name = "{name}",
    hdrs = glob(["include/**"]),
    defines = {defines},
    includes = ["include"],
    visibility = ["//visibility:public"],
)
""".format(name = ctx.attr.target, defines = ctx.attr.defines))

system_headers = repository_rule(
    implementation = _impl,
    attrs = {
        "folder": attr.string(mandatory = True),
        "package": attr.string(mandatory = True),
        "target": attr.string(mandatory = True),
        "defines": attr.string_list(),
    },
)
