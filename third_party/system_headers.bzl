"""Debian packages as external repositories: system_headers, header-only, and system_library, with a library to link.

Only the named folder or files of /usr/include are linked, never the whole: a library that we did not choose stays
invisible.
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

def _system_library_impl(ctx):
    headers = [h for h in ctx.path("/usr/include").readdir() if h.basename.startswith(ctx.attr.prefix)]
    if not headers:
        fail("/usr/include/%s*: package %s is missing; run tools/setup" % (ctx.attr.prefix, ctx.attr.package))
    for header in headers:
        ctx.symlink(header, "include/" + ctx.attr.folder + "/" + header.basename)
    ctx.file("BUILD.bazel", """
cc_library(
    name = "{name}",
    hdrs = glob(["include/**"]),
    defines = {defines},
    includes = ["include"],
    linkopts = ["-l{library}"],
    visibility = ["//visibility:public"],
)
""".format(name = ctx.attr.target, defines = ctx.attr.defines, library = ctx.attr.library))

# Its headers lie loose in /usr/include; we see them as "FOLDER/NAME.h", so that an include tells whose it is.
system_library = repository_rule(
    implementation = _system_library_impl,
    attrs = {
        "folder": attr.string(mandatory = True),
        "library": attr.string(mandatory = True),
        "package": attr.string(mandatory = True),
        "prefix": attr.string(mandatory = True),
        "target": attr.string(mandatory = True),
        "defines": attr.string_list(),
    },
)
