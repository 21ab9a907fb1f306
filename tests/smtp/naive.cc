#include "tests/smtp/naive.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>

namespace postern {
namespace {

// Small, so that input wraps often.
constexpr size_t kDecodeRingSize = 64;

// Moves a piece of `input` into `ring`.
void Feed(std::string_view& input, RingBuffer& ring, size_t piece_size) {
  piece_size = std::min({piece_size, input.size(), ring.free_size()});
  while (piece_size > 0) {
    const std::span<char> span = ring.WritableSpan();
    const size_t size = std::min(span.size(), piece_size);
    std::memcpy(span.data(), input.data(), size);
    ring.Commit(size);
    input.remove_prefix(size);
    piece_size -= size;
  }
}

// Decodes what is in the ring into rooms of the sizes told, each on the heap, where ASan sees an overrun.
DecodeStatus Drain(BodyDecoder& decoder, RingBuffer& ring, const Cut& room_size, Body& body) {
  size_t size = room_size();
  for (;;) {
    const std::unique_ptr<char[]> room(new char[size]);
    const DecodeStep step = decoder.Decode(ring, std::span<char>(room.get(), size));
    body.consumed += step.consumed;
    body.text.append(room.get(), step.produced);
    if (step.status != DecodeStatus::kNeedRoom) return step.status;
    size = std::max(room_size(), kDecodeRoomMin);
  }
}

Body NaiveDecode(std::string_view input, BareNewline bare_newline, bool dots_matter) {
  Body body;
  bool line_start = true;
  bool after_bare_cr = false;
  bool after_dot = false;  // a stuffed one, which is not written
  size_t i = 0;
  const auto bare = [&](char byte) {
    if (bare_newline == BareNewline::kReject) {
      body.status = DecodeStatus::kBareNewline;
      return;
    }
    body.text += "\r\n";
    line_start = false;
    after_bare_cr = byte == '\r';
    ++i;
  };
  while (i < input.size() && body.status == DecodeStatus::kNeedInput) {
    const std::string_view rest = input.substr(i);
    const bool behind_dot = std::exchange(after_dot, false);
    if (dots_matter && line_start && rest.starts_with(".\r\n")) {
      body.status = DecodeStatus::kEnd;
      i += 3;
    } else if (dots_matter && line_start && rest.starts_with('.')) {
      line_start = false;
      after_dot = true;
      ++i;
    } else if (rest.starts_with("\r\n")) {
      body.text += "\r\n";
      line_start = !std::exchange(after_bare_cr, false);
      i += 2;
    } else if (rest == "\r") {
      if (!behind_dot) body.text += '\r';
      ++i;
    } else if (rest[0] == '\r' || rest[0] == '\n') {
      bare(rest[0]);
    } else {
      body.text += rest[0];
      line_start = false;
      after_bare_cr = false;
      ++i;
    }
  }
  body.consumed = i;
  return body;
}

}  // namespace

Cut Whole() {
  return [] { return SIZE_MAX; };
}

Cut Always(size_t size) {
  return [size] { return size; };
}

Cut Random(uint32_t seed, size_t size_max) {
  return [random = std::mt19937(seed), size_max]() mutable { return 1 + random() % size_max; };
}

std::vector<LineEvent> NaiveScan(std::string_view input, size_t line_size_max) {
  std::vector<LineEvent> events;
  for (;;) {
    const std::string_view line = input.substr(0, line_size_max);
    LineStatus status = LineStatus::kNeedMore;
    size_t i = 0;
    for (; i < line.size() && status == LineStatus::kNeedMore; ++i) {
      const std::string_view pair = line.substr(i, 2);
      if (pair == "\r\n") {
        status = LineStatus::kLine;
      } else if (pair[0] == '\n') {
        status = LineStatus::kBareLf;
      } else if (pair[0] == '\r' && pair.size() == 2) {
        status = LineStatus::kBareCr;
      }
    }
    if (status == LineStatus::kNeedMore && line.size() == line_size_max) status = LineStatus::kTooLong;
    if (status == LineStatus::kNeedMore) return events;
    events.push_back({status, std::string(status == LineStatus::kLine ? line.substr(0, i - 1) : "")});
    const size_t end = input.find("\r\n");
    if (end == std::string_view::npos) return events;
    input.remove_prefix(end + 2);
  }
}

std::vector<LineEvent> ScanInPieces(std::string_view input, size_t line_size_max, size_t ring_size, const Cut& cut) {
  const std::unique_ptr<char[]> memory(new char[ring_size]);
  RingBuffer ring(std::span<char>(memory.get(), ring_size));
  LineScanner scanner(line_size_max);
  std::vector<LineEvent> events;
  while (!input.empty()) {
    Feed(input, ring, cut());
    for (ScannedLine line = scanner.Next(ring); line.status != LineStatus::kNeedMore; line = scanner.Next(ring)) {
      events.push_back({line.status, std::string(line.text)});
    }
  }
  return events;
}

Body NaiveDecodeData(std::string_view input, BareNewline bare_newline) {
  return NaiveDecode(input, bare_newline, /*dots_matter=*/true);
}

Body DecodeDataInPieces(std::string_view input, BareNewline bare_newline, const Cut& cut, const Cut& room_size) {
  char memory[kDecodeRingSize];
  RingBuffer ring(memory);
  BodyDecoder decoder(bare_newline);
  decoder.StartData();
  Body body;
  while (!input.empty() && body.status == DecodeStatus::kNeedInput) {
    Feed(input, ring, cut());
    body.status = Drain(decoder, ring, room_size, body);
  }
  return body;
}

Body NaiveDecodeChunks(std::string_view input, BareNewline bare_newline) {
  Body body = NaiveDecode(input, bare_newline, /*dots_matter=*/false);
  if (body.status == DecodeStatus::kBareNewline) return body;
  body.status = DecodeStatus::kEnd;
  if (!input.ends_with('\r')) return body;
  if (bare_newline == BareNewline::kReject) return {.status = DecodeStatus::kBareNewline};
  body.text += '\n';
  return body;
}

Body DecodeChunksInPieces(std::string_view input, BareNewline bare_newline, const Cut& chunk_size, const Cut& cut,
                          const Cut& room_size) {
  char memory[kDecodeRingSize];
  RingBuffer ring(memory);
  BodyDecoder decoder(bare_newline);
  decoder.StartChunks();
  Body body;
  for (bool last = false; !last;) {
    const size_t size = std::min(chunk_size(), input.size());
    last = size == input.size();
    std::string_view chunk = input.substr(0, size);
    input.remove_prefix(size);
    decoder.StartChunk(size, last);
    do {
      Feed(chunk, ring, cut());
      body.status = Drain(decoder, ring, room_size, body);
    } while (body.status == DecodeStatus::kNeedInput);
    if (body.status == DecodeStatus::kBareNewline) return body;
  }
  return body;
}

}  // namespace postern
