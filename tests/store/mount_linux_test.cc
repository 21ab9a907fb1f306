#include "store/mount_linux.h"

#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "store/file.h"

namespace postern {
namespace {

namespace fs = std::filesystem;

std::string Scratch(std::string_view name) { return absl::StrCat(std::getenv("TEST_TMPDIR"), "/", name); }

void WriteText(const fs::path& path, std::string_view text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

// A tree as sysfs is one: a disk with a partition, a mapped device, one in memory, and a file that stands for a disk.
std::string MakeSys(std::string_view name) {
  const std::string sys = Scratch(name);
  fs::create_directories(sys + "/dev/block");
  const auto add = [&](std::string_view number, std::string_view device, std::string_view cache) {
    const std::string folder = absl::StrCat(sys, "/devices/", device);
    fs::create_directories(folder);
    if (!cache.empty()) WriteText(folder + "/queue/write_cache", absl::StrCat(cache, "\n"));
    fs::create_symlink(absl::StrCat("../../devices/", device), absl::StrCat(sys, "/dev/block/", number));
  };
  add("8:0", "sda", "write back");
  add("8:1", "sda/sda1", "");
  WriteText(sys + "/devices/sda/sda1/partition", "1\n");
  add("252:0", "dm-0", "write through");
  add("253:0", "zram0", "write through");
  add("7:0", "loop0", "write back");
  return sys;
}

constexpr std::string_view kMountInfo =
    "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
    "27 1 8:1 / / rw,relatime shared:1 master:2 - ext4 /dev/root rw,errors=remount-ro\n"
    "28 27 0:24 / /mnt/a\\040b rw,nosuid - nfs4 server:/my\\040mail rw,vers=4.2\n"
    "29 27 8:1 broken line\n"
    "270 27 8:1 / /x rw - xfs /dev/sda1 rw,nobarrier\n";

TEST(MountLinux, ALineOfTheTableIsFoundByItsNumber) {
  const std::optional<Mount> root = FindMount(kMountInfo, "27");
  ASSERT_TRUE(root);
  EXPECT_EQ(root->device_number, "8:1");
  EXPECT_EQ(root->type, "ext4");
  EXPECT_EQ(root->source, "/dev/root");
  EXPECT_EQ(root->options, ",rw,relatime,rw,errors=remount-ro,");
  EXPECT_EQ(FindMount(kMountInfo, "28")->source, "server:/my mail");
  EXPECT_EQ(FindMount(kMountInfo, "29"), std::nullopt);
  EXPECT_EQ(FindMount(kMountInfo, "2"), std::nullopt);
  EXPECT_EQ(FindMount("", "27"), std::nullopt);
}

TEST(MountLinux, APartitionHasTheCacheOfItsDisk) {
  const FileSystemInfo info = DescribeMount(*FindMount(kMountInfo, "27"), MakeSys("partition"));
  EXPECT_EQ(info.type, "ext4");
  EXPECT_EQ(info.device, "/dev/sda1") << "/dev/root is nobody's name";
  EXPECT_EQ(info.barriers, true);
  EXPECT_EQ(info.write_cache, WriteCache::kBack);
  EXPECT_FALSE(info.volatile_ || info.network || info.overlay);
}

TEST(MountLinux, AMappedDeviceKeepsItsName) {
  const Mount mount{.device_number = "252:0", .type = "xfs", .source = "/dev/mapper/mail", .options = ",rw,"};
  const FileSystemInfo info = DescribeMount(mount, MakeSys("mapped"));
  EXPECT_EQ(info.device, "/dev/mapper/mail");
  EXPECT_EQ(info.write_cache, WriteCache::kNone);
}

TEST(MountLinux, BarriersAreOffInManyWords) {
  const std::string sys = MakeSys("barriers");
  Mount mount = *FindMount(kMountInfo, "270");
  EXPECT_EQ(DescribeMount(mount, sys).barriers, false);
  for (const char* options : {",rw,barrier=0,", ",rw,fsync_mode=nobarrier,data=ordered,", ",volatile,"}) {
    mount.options = options;
    EXPECT_EQ(DescribeMount(mount, sys).barriers, false) << options;
  }
  for (const char* options : {",rw,barrier=1,", ",rw,barrier,", ",rw,"}) {
    mount.options = options;
    EXPECT_EQ(DescribeMount(mount, sys).barriers, true) << options;
  }
}

TEST(MountLinux, WhatLiesElsewhereIsKnownByItsType) {
  const auto describe = [](const char* type) {
    return DescribeMount({.device_number = "0:50", .type = type, .source = type, .options = ",rw,"}, "/nowhere");
  };
  for (const char* type : {"nfs", "nfs4", "cifs", "9p", "virtiofs", "fuse.sshfs"}) {
    EXPECT_TRUE(describe(type).network) << type;
  }
  for (const char* type : {"overlay", "fuse.fuse-overlayfs"}) {
    EXPECT_TRUE(describe(type).overlay && !describe(type).network) << type;
  }
  EXPECT_TRUE(describe("tmpfs").volatile_);
  const FileSystemInfo zfs = describe("zfs");
  EXPECT_FALSE(zfs.network || zfs.overlay || zfs.volatile_);
  EXPECT_EQ(zfs.barriers, std::nullopt);
  EXPECT_EQ(zfs.write_cache, WriteCache::kUnknown);
}

TEST(MountLinux, ADiskInMemoryIsNoDisk) {
  const Mount mount{.device_number = "253:0", .type = "ext4", .source = "/dev/zram0", .options = ",rw,"};
  EXPECT_TRUE(DescribeMount(mount, MakeSys("zram")).volatile_);
}

TEST(MountLinux, AFileThatStandsForADiskIsNamed) {
  const std::string sys = MakeSys("loop");
  WriteText(sys + "/devices/loop0/loop/backing_file", "/nowhere/disk.img\n");
  const Mount mount{.device_number = "7:0", .type = "ext4", .source = "/dev/loop0", .options = ",rw,"};
  EXPECT_EQ(DescribeMount(mount, sys).device, "/dev/loop0 (/nowhere/disk.img)");
}

TEST(MountLinux, TheMachineTellsOfAFolder) {
  const absl::StatusOr<FileSystemInfo> info = (*OpenDirectory(Scratch("folder")))->FileSystem();
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_NE(info->type, "");
  EXPECT_NE(info->device, "");
  EXPECT_EQ(DescribeFileSystem(-1, "/gone").status().message(),
            "/gone: /proc does not tell what file system it lies on");
}

// Mounted for real: only root can, and not in every container.
TEST(MountLinux, MemoryAndLayersAreSeenThroughTheKernel) {
  const std::string memory = Scratch("memory");
  fs::create_directories(memory);
  if (mount("none", memory.c_str(), "tmpfs", 0, "size=1m") != 0) GTEST_SKIP() << "this process may not mount";
  const auto unmount = absl::MakeCleanup([&] { umount2(memory.c_str(), MNT_DETACH); });
  EXPECT_TRUE((*OpenDirectory(memory))->FileSystem()->volatile_);
  for (const char* part : {"/lower", "/upper", "/work", "/merged"}) fs::create_directories(memory + part);
  const std::string merged = memory + "/merged";
  const std::string options =
      absl::StrCat("lowerdir=", memory, "/lower,upperdir=", memory, "/upper,workdir=", memory, "/work");
  if (mount("overlay", merged.c_str(), "overlay", 0, options.c_str()) != 0) GTEST_SKIP() << "no overlays here";
  const auto unmount_overlay = absl::MakeCleanup([&] { umount2(merged.c_str(), MNT_DETACH); });
  EXPECT_TRUE((*OpenDirectory(merged))->FileSystem()->overlay);
}

}  // namespace
}  // namespace postern
