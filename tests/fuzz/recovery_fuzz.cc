// A whole log, mutated as the input says, and started: nothing crashes, nothing is shown that was never written, and
// what CheckLog and RepairLog promise holds.
//
// The input is a list of mutations, six bytes each: kind u8 | file u8 | offset u16 | size u8 | value u8, in files of
// some KiB whose bytes are right, so that a fuzzer gets behind the checksums. One that forges a header mends its
// checksum, too.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <span>
#include <string>
#include <string_view>

#include "absl/log/check.h"
#include "store/log_check.h"
#include "store/log_repair.h"
#include "store/segment_format.h"
#include "tests/corruption/log_image.h"

namespace postern {
namespace {

constexpr size_t kMutationSize = 6;
constexpr size_t kMutationCountMax = 32;

enum Mutation : uint8_t {
  kFlip,
  kFill,
  kTruncate,
  kLengthen,
  kCopyFile,
  kSwapFiles,
  kRemove,
  kCopyBytes,
  kForge,
  kCount
};

// The header at `offset` gets another field, and a checksum that is right again.
void Forge(std::string& bytes, size_t offset, size_t field, uint8_t value) {
  offset &= ~size_t{kRecordAlignment - 1};
  if (offset + kRecordHeaderSize > bytes.size()) return;
  char* const header = bytes.data() + offset;
  header[sizeof(uint32_t) + field % (kRecordHeaderSize - sizeof(uint32_t))] = static_cast<char>(value);
  const uint32_t checksum = Checksum({header + sizeof(uint32_t), kRecordHeaderSize - sizeof(uint32_t)});
  std::memcpy(header, &checksum, sizeof checksum);
}

void Mutate(LogImage& image, std::span<const uint8_t, kMutationSize> m) {
  if (image.empty()) return;
  const auto file = std::next(image.begin(), m[1] % image.size());
  const auto other = std::next(image.begin(), m[4] % image.size());
  std::string& bytes = file->second;
  const size_t offset = bytes.empty() ? 0 : (m[2] | m[3] << 8) % bytes.size();
  const size_t size = std::min<size_t>(m[4] * 8, bytes.size() - offset);
  switch (m[0] % kCount) {
    case kFlip:
      if (!bytes.empty()) bytes[offset] = static_cast<char>(bytes[offset] ^ 1 << (m[5] % 8));
      break;
    case kFill: std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), size, static_cast<char>(m[5])); break;
    case kTruncate: bytes.resize(offset); break;
    case kLengthen: bytes.resize(bytes.size() + m[4] * 8, static_cast<char>(m[5])); break;
    case kCopyFile: bytes = std::string(other->second); break;
    case kSwapFiles: std::swap(bytes, other->second); break;
    case kRemove: image.erase(file); break;
    case kCopyBytes: {
      const std::string piece = bytes.substr(offset, size);
      const std::string& to = other->second;
      const size_t at = std::min<size_t>(m[5] * kRecordAlignment, to.size());
      other->second.replace(at, std::min(piece.size(), to.size() - at), piece);
      break;
    }
    case kForge: Forge(bytes, offset, m[4], m[5]); break;
    default: break;
  }
}

void ExpectSound(const WrittenLog& log, const LogImage& image, bool forged) {
  const LaidLog laid = LayDown(image);
  const auto check = CheckLog(*laid.log);
  CHECK_OK(check);
  CHECK(TakeImage(*laid.log) == image) << "to check is not to touch";
  const Recovered first = Recover(laid);
  CHECK_OK(first.status);
  CHECK_EQ(check->record_count, first.shown.size());
  CHECK_EQ(check->report.damage_count, first.read.damage_count);
  CHECK_EQ(check->incomplete.size(), first.unreadable.size());
  for (const auto& [id, body] : first.bodies) {
    const auto written = log.bodies.find(id);
    // A message that was forged is believed, since its checksums are right; one that was damaged never.
    CHECK(forged || (written != log.bodies.end() && written->second == body));
  }
  const Recovered second = Recover(laid);
  CHECK(second.shown == first.shown) << "a second start shows something else";

  const LaidLog mended = LayDown(image);
  CHECK_OK(RepairLog(*mended.log, *mended.quarantine));
  const Recovered clean = Recover(mended);
  CHECK_OK(clean.status);
  CHECK(clean.bodies == first.bodies && clean.unreadable == first.unreadable);
  CHECK(forged || clean.read.damage_count == 0);
}

}  // namespace
}  // namespace postern

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace postern;  // NOLINT(google-build-using-namespace): the fuzzer's function has no namespace
  static const WrittenLog kSealed = WriteLog(1, true);
  static const WrittenLog kKilled = WriteLog(1, false);
  if (size == 0 || size > 1 + kMutationCountMax * kMutationSize) return 0;
  const WrittenLog& log = data[0] % 2 == 0 ? kSealed : kKilled;
  LogImage image = log.files;
  bool forged = false;
  for (size_t at = 1; at + kMutationSize <= size; at += kMutationSize) {
    Mutate(image, std::span<const uint8_t, kMutationSize>(data + at, kMutationSize));
    forged = forged || data[at] % kCount == kForge;
  }
  ExpectSound(log, image, forged);
  return 0;
}
