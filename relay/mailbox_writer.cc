#include "relay/mailbox_writer.h"

#include <algorithm>
#include <utility>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"

namespace postern {

MailboxWriter::~MailboxWriter() {
  MailboxJob* job = nullptr;
  while (inbox_.TryPop(job) || done_.TryPop(job)) delete job;
}

bool MailboxWriter::TryPush(std::unique_ptr<MailboxJob>& job) {
  if (away_count_ == job_count_max_) return false;
  ++away_count_;
  CHECK(inbox_.TryPush(job.release()));
  return true;
}

std::unique_ptr<MailboxJob> MailboxWriter::TryTakeDone() {
  MailboxJob* job = nullptr;
  if (done_.TryPop(job)) --away_count_;
  return std::unique_ptr<MailboxJob>(job);
}

void MailboxWriter::Run(const std::atomic<bool>& stop) {
  for (;;) {
    if (RunOnce() > 0) continue;
    if (stop.load(std::memory_order_acquire)) return;
    bell_.SleepUnless([&] { return HasWork() || stop.load(std::memory_order_acquire); });
  }
}

size_t MailboxWriter::RunOnce() {
  const StepCount::Scope step(steps_);
  std::vector<MailboxJob*> jobs;
  std::vector<Written> batch;
  MailboxJob* job = nullptr;
  while (batch.size() < kBatchDeliveriesMax && inbox_.TryPop(job)) {
    jobs.push_back(job);
    WriteFiles(*job, batch);
  }
  Publish(batch);
  batch.clear();
  if (maildirs_.size() > kOpenMailboxesMax) maildirs_.clear();
  for (MailboxJob* finished : jobs) {
    finished->body.reset();
    // A mailbox that failed is opened afresh next time: it may have been moved away, or mended.
    for (const MailboxDelivery& delivery : finished->deliveries) {
      if (!delivery.result.ok()) maildirs_.erase(delivery.path);
    }
    CHECK(done_.TryPush(finished));
  }
  if (!jobs.empty()) relay_.Wake();
  return jobs.size();
}

// The body is read once, however many mailboxes it goes to.
void MailboxWriter::WriteFiles(MailboxJob& job, std::vector<Written>& batch) {
  const WorkScope work(options_.slot, WorkStage::kMailbox, job.message);
  const size_t first = batch.size();
  for (MailboxDelivery& delivery : job.deliveries) {
    absl::StatusOr<Written> written = StartFile(job, delivery);
    if (written.ok()) {
      batch.push_back(*std::move(written));
    } else {
      delivery.result = written.status();
    }
  }
  while (batch.size() > first) {
    const absl::StatusOr<std::string_view> piece = job.body->Next();
    if (piece.ok() && piece->empty()) break;
    for (size_t i = first; i < batch.size(); ++i) {
      Written& written = batch[i];
      if (!written.delivery->result.ok()) continue;
      written.delivery->result = piece.ok() ? written.file->Append(*piece) : piece.status();
    }
    if (!piece.ok()) {
      job.read = piece.status();
      break;
    }
  }
}

absl::StatusOr<MailboxWriter::Written> MailboxWriter::StartFile(const MailboxJob& job, MailboxDelivery& delivery) {
  std::unique_ptr<Maildir>& maildir = maildirs_[delivery.path];
  if (maildir == nullptr) {
    absl::StatusOr<std::unique_ptr<Directory>> root = opener_(delivery.path);
    if (!root.ok()) return root.status();
    absl::StatusOr<std::unique_ptr<Maildir>> opened = Maildir::Open(*std::move(root));
    if (!opened.ok()) return opened.status();
    maildir = *std::move(opened);
  }
  absl::StatusOr<std::unique_ptr<MaildirFile>> file =
      maildir->Start(MaildirFileName(job.message, delivery.recipient_index, options_.hostname));
  if (!file.ok()) return file.status();
  // RFC 5321 4.4: the final delivery puts it first.
  std::string head = absl::StrCat("Return-Path: <", job.sender, ">\r\n");
  if (options_.delivered_to) absl::StrAppend(&head, "Delivered-To: ", delivery.address, "\r\n");
  if (const absl::Status status = (*file)->Append(head); !status.ok()) {
    maildir->Discard(**file);
    return status;
  }
  return Written{.delivery = &delivery, .maildir = maildir.get(), .file = *std::move(file)};
}

void MailboxWriter::Publish(std::vector<Written>& batch) {
  // The first sync of the batch then commits the file system's journal for all of it.
  for (Written& written : batch) written.file->StartSync();
  for (Written& written : batch) {
    if (written.delivery->result.ok()) written.delivery->result = written.file->Sync();
  }
  std::vector<Maildir*> folders;  // in the order of the batch: the same batch is the same calls
  for (Written& written : batch) {
    absl::Status& result = written.delivery->result;
    if (result.ok()) result = written.maildir->Publish(*written.file);
    if (result.ok()) {
      if (std::find(folders.begin(), folders.end(), written.maildir) == folders.end()) {
        folders.push_back(written.maildir);
      }
    } else {
      written.maildir->Discard(*written.file);
    }
  }
  for (Maildir* folder : folders) {
    const absl::Status status = folder->SyncFolder();
    if (status.ok()) continue;
    for (Written& written : batch) {
      if (written.maildir == folder && written.delivery->result.ok()) written.delivery->result = status;
    }
  }
}

}  // namespace postern
