#include "tests/prover/power_cut.h"

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace postern {
namespace {

uint32_t Below(PowerCut::Random& random, uint64_t limit) {
  return static_cast<uint32_t>(std::uniform_int_distribution<uint64_t>(0, limit - 1)(random));
}

// Writes a sector, or the part of it that lies in the file.
void Put(std::string& bytes, uint64_t sector, std::string_view value) {
  const uint64_t start = sector * kSectorSize;
  if (start < bytes.size()) {
    std::memcpy(bytes.data() + start, value.data(), std::min<uint64_t>(kSectorSize, bytes.size() - start));
  }
}

}  // namespace

PowerCut::PowerCut(const DiskImage& durable) {
  for (const auto& [path, number] : durable.names) {
    Node node{.is_folder = durable.IsFolder(path), .names = {{.path = path}}};
    if (!node.is_folder) {
      node.durable = durable.contents.at(number);
      node.sizes.values = {node.durable->size()};
    }
    nodes_.emplace(number, std::move(node));
  }
}

void PowerCut::Apply(const Step& step) {
  ++step_count_;
  if (step.kind == Step::Kind::kMakeFolder || step.kind == Step::Kind::kCreate) {
    Node node{.is_folder = step.kind == Step::Kind::kMakeFolder,
              .names = {{}, {.path = step.path, .since = step_count_}}};
    Grow(node, step.size);
    nodes_.emplace(step.node, std::move(node));
    return;
  }
  if (step.kind == Step::Kind::kSyncFolder) return SyncFolder(step.path);
  const auto it = nodes_.find(step.node);
  if (it == nodes_.end()) return;  // it is open still, and can never be found again
  Node& node = it->second;
  switch (step.kind) {
    case Step::Kind::kWrite: return Write(node, step.bytes, step.offset);
    case Step::Kind::kSync: return Sync(node);
    case Step::Kind::kFailedSync:
      for (auto& [sector, versions] : node.sectors) versions.given_up = true;
      return;
    case Step::Kind::kRename: node.names.push_back({step.path, step_count_, step.replaced}); return;
    case Step::Kind::kRemove: node.names.push_back({}); return;
    case Step::Kind::kMakeFolder:
    case Step::Kind::kCreate:
    case Step::Kind::kSyncFolder: return;
  }
}

void PowerCut::Grow(Node& node, uint64_t size) {
  const uint64_t now = node.sizes.now();
  if (size <= now) return;
  const uint64_t middle = (now + (size - now) / 2) / kSectorSize * kSectorSize;
  if (middle > now) node.sizes.Set(middle);
  node.sizes.Set(size);
}

void PowerCut::Write(Node& node, std::string_view bytes, uint64_t offset) {
  Grow(node, offset + bytes.size());
  while (!bytes.empty()) {
    const uint64_t sector = offset / kSectorSize;
    const uint64_t begin = offset % kSectorSize;
    const auto count = std::min<size_t>(bytes.size(), kSectorSize - begin);
    auto it = node.sectors.find(sector);
    if (it == node.sectors.end()) {
      std::string before(kSectorSize, '\0');
      if (const uint64_t start = sector * kSectorSize; start < node.durable->size()) {
        const std::string_view durable = std::string_view(*node.durable).substr(start, kSectorSize);
        std::memcpy(before.data(), durable.data(), durable.size());
      }
      it = node.sectors.emplace(sector, Versions<std::string>{{std::move(before)}}).first;
    }
    std::string after = it->second.now();
    std::memcpy(after.data() + begin, bytes.data(), count);
    it->second.Set(after);
    bytes.remove_prefix(count);
    offset += count;
  }
}

void PowerCut::Sync(Node& node) {
  auto durable = std::make_shared<std::string>(*node.durable);
  durable->resize(node.sizes.now());
  for (const auto& [sector, versions] : node.sectors) {
    if (!versions.given_up) Put(*durable, sector, versions.now());
  }
  std::erase_if(node.sectors, [](const auto& entry) { return !entry.second.given_up; });
  node.durable = std::move(durable);
  node.sizes = {{node.sizes.now()}};
}

void PowerCut::SyncFolder(std::string_view folder) {
  const auto lies_here = [&](const Name& name) { return !name.path.empty() && FolderOf(name.path) == folder; };
  std::vector<NodeNumber> gone;
  for (auto& [number, node] : nodes_) {
    for (size_t i = node.names.size() - 1; i > 0; --i) {
      if (!lies_here(node.names[i]) && !lies_here(node.names[i - 1])) continue;
      for (size_t done = 1; done <= i; ++done) gone.push_back(node.names[done].replaced);
      node.names.erase(node.names.begin(), node.names.begin() + static_cast<std::ptrdiff_t>(i));
      node.names.front().replaced = 0;
      break;
    }
    if (node.names.size() == 1 && node.names.front().path.empty()) gone.push_back(number);
  }
  for (const NodeNumber number : gone) nodes_.erase(number);
}

PowerCut::Outcome PowerCut::Choices() const {
  Outcome choices;
  const auto add = [&](size_t count) {
    if (count > 1) choices.push_back(static_cast<uint32_t>(count));
  };
  for (const auto& [number, node] : nodes_) {
    add(node.names.size());
    add(node.sizes.values.size());
    for (const auto& [sector, versions] : node.sectors) add(versions.values.size());
  }
  return choices;
}

DiskImage PowerCut::Image(const Outcome& outcome) const {
  DiskImage image;
  size_t next = 0;
  const auto pick = [&](const auto& values) -> const auto& { return values[values.size() > 1 ? outcome[next++] : 0]; };
  std::map<std::string_view, uint64_t> since;  // of the names that are given
  for (const auto& [number, node] : nodes_) {
    const Name& name = pick(node.names);
    const uint64_t size = pick(node.sizes.values);
    std::shared_ptr<std::string> bytes = node.durable;
    if (size != bytes->size() || !node.sectors.empty()) {
      bytes = std::make_shared<std::string>(*bytes);
      bytes->resize(size);
    }
    for (const auto& [sector, versions] : node.sectors) Put(*bytes, sector, pick(versions.values));
    if (name.path.empty()) continue;
    const auto [claim, is_free] = since.emplace(name.path, name.since);
    if (!is_free && claim->second > name.since) continue;
    claim->second = name.since;
    NodeNumber& named = image.names[name.path];
    if (!is_free) image.contents.erase(named);
    named = number;
    if (!node.is_folder) image.contents[number] = std::move(bytes);
  }
  // What lies in a folder that is lost is lost too.
  for (auto it = image.names.begin(); it != image.names.end();) {
    if (image.IsFolder(FolderOf(it->first))) {
      ++it;
    } else {
      image.contents.erase(it->second);
      it = image.names.erase(it);
    }
  }
  return image;
}

std::string PowerCut::Describe(const Outcome& outcome) const {
  std::string text;
  size_t next = 0;
  for (const auto& entry : nodes_) {
    const Node& node = entry.second;
    std::string_view called = "a file";  // by its last name
    for (const Name& name : node.names) called = name.path.empty() ? called : name.path;
    const auto tell = [&](size_t count, size_t current, const auto& what) {
      const size_t chosen = count > 1 ? outcome[next++] : 0;
      if (chosen != current) absl::StrAppend(&text, "\n  ", called, ": ", what(chosen));
    };
    tell(node.names.size(), node.names.size() - 1, [&](size_t chosen) {
      const std::string& path = node.names[chosen].path;
      return path.empty() ? "has no name" : absl::StrCat("is called ", path);
    });
    tell(node.sizes.values.size(), node.sizes.current,
         [&](size_t chosen) { return absl::StrCat("has ", node.sizes.values[chosen], " bytes"); });
    for (const auto& sector : node.sectors) {
      tell(sector.second.values.size(), sector.second.current, [&](size_t chosen) {
        return absl::StrCat("sector ", sector.first, " holds the bytes of version ", chosen, " of ",
                            sector.second.values.size());
      });
    }
  }
  return text.empty() ? "\n  nothing" : text;
}

bool PowerCut::ForEach(uint64_t exhaustive_max, uint64_t sample_count, Random& random,
                       const std::function<void(const Outcome&, const DiskImage&)>& visit) const {
  const Outcome choices = Choices();
  const auto show = [&](const Outcome& outcome) { visit(outcome, Image(outcome)); };
  uint64_t count = 1;
  for (const uint32_t choice : choices) count = count > exhaustive_max ? count : count * choice;
  Outcome outcome(choices.size(), 0);
  if (count <= exhaustive_max || choices.empty()) {
    for (;;) {
      show(outcome);
      // Counts on, as an odometer does.
      size_t i = 0;
      while (i < choices.size() && ++outcome[i] == choices[i]) outcome[i++] = 0;
      if (i == choices.size()) return true;
    }
  }

  Outcome kept(choices);
  for (uint32_t& value : kept) --value;
  show(outcome);
  show(kept);
  const size_t start = Below(random, choices.size());
  for (uint64_t n = 0; n < std::min<uint64_t>(choices.size(), sample_count / 4); ++n) {
    const size_t i = (start + n) % choices.size();
    Outcome one_lost = kept;
    one_lost[i] = 0;
    show(one_lost);
    Outcome one_kept = outcome;
    one_kept[i] = choices[i] - 1;
    show(one_kept);
  }
  for (uint64_t n = 0; n < sample_count / 2; ++n) {
    const uint32_t keep_percent = Below(random, 101);
    Outcome mixed(choices.size());
    for (size_t i = 0; i < choices.size(); ++i) {
      mixed[i] = Below(random, 100) < keep_percent ? choices[i] - 1 : Below(random, choices[i]);
    }
    show(mixed);
  }
  return false;
}

}  // namespace postern
