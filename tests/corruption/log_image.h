// LogImage is a log as a value: its files, to be damaged in any way, laid on a disk and recovered.
//
// Plain values and functions of one test, on its thread. What a log should show is told by the records that were
// written into it, each with its place, so that a test can say which of them its damage has hit.

#ifndef POSTERN_TESTS_CORRUPTION_LOG_IMAGE_H_
#define POSTERN_TESTS_CORRUPTION_LOG_IMAGE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "store/file.h"
#include "store/recovery_report.h"
#include "store/segment_format.h"
#include "store/segment_log.h"
#include "tests/sim/sim_disk.h"

namespace postern {

using LogImage = std::map<std::string, std::string>;  // the bytes of each file, by its name

inline constexpr SegmentLogOptions kImageOptions{.segment_size = 2048, .segment_size_min = 1024, .spare_count_max = 2};

// A record in an image, as it was written.
struct ImageRecord {
  RecordKind kind;
  MessageId message;
  Position position;
  uint32_t size = 0;          // on the disk
  uint32_t checked_size = 0;  // of them, those that a checksum covers: all but the padding
  uint32_t durable_size = 0;
  std::vector<Position> fragments;

  uint32_t end() const { return position.offset + size; }
};

// A log with a life behind it: messages in one piece and in several, over segments, tried, done, reported on and moved.
struct WrittenLog {
  LogImage files;
  std::vector<ImageRecord> records;        // in their order, seals among them
  std::map<uint64_t, std::string> bodies;  // of every message that ever was, by its id
  uint32_t last_segment = 0;               // the last that holds a record
};

// `salt` makes a log whose messages, and where its records lie, are like those of no other.
WrittenLog WriteLog(uint64_t salt, bool seal);

// An image on a disk of its own.
struct LaidLog {
  std::unique_ptr<SimDisk> disk;
  std::unique_ptr<Directory> log = {};
  std::unique_ptr<Directory> quarantine = {};
};
LaidLog LayDown(const LogImage& image);
LogImage TakeImage(Directory& log);

// What a start finds.
struct Recovered {
  absl::Status status = {};
  RecoveryReport opened;                   // by SegmentLog
  RecoveryReport read;                     // by LogReader
  std::vector<Position> shown;             // records, without seals
  std::map<uint64_t, std::string> bodies;  // of the messages in the queue, by id; those that can be read
  std::vector<uint64_t> unreadable;        // in the queue, but a part is lost
};
Recovered Recover(const LaidLog& laid);

}  // namespace postern

#endif  // POSTERN_TESTS_CORRUPTION_LOG_IMAGE_H_
