#include "store/recovery_report.h"

namespace postern {

std::string_view ToText(DamageKind kind) {
  switch (kind) {
    case DamageKind::kBroken: return "no record can be read there";
    case DamageKind::kUnreadable: return "the disk cannot read it; it may be whole, and is kept until it was read";
    case DamageKind::kPassedOver:
      return "the gateway has died over it; it is left alone, and kept for a version that can read it";
    case DamageKind::kCutOff: return "the segment has lost its end";
    case DamageKind::kGap:
      return "what follows the segment does not belong there: one is missing, or is not of this log";
  }
  return "";
}

}  // namespace postern
