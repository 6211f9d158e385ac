#pragma once
// Texts of items or of users on their way from raw metadata to the prepared folder.

#include <map>

#include "data/store.h"

namespace kindred::data {

/// Keeps the texts of wanted ids: in a file, by (column, id).
class SideTexts : public TextSink {
 public:
  /// `wanted` [ids]: which of them are in the data.
  SideTexts(const IdMap& ids, std::vector<uint8_t> wanted, const RawOptions& options,
            const std::filesystem::path& spill);

  bool begin(std::string_view id) override;
  /// The first text of an id and column counts; later ones are repeats of its metadata.
  void text(std::string_view column, std::string_view text) override;
  void finish();

  const std::vector<std::string>& columns() const { return names_; }
  /// The texts of an id by column, valid until the next call; empty where there is none. Ids must
  /// ascend from call to call.
  const std::vector<std::string>& of(Index id);
  /// Ids with metadata, those wanted and those not.
  uint64_t matched() const { return matched_; }
  uint64_t unwanted() const { return unwanted_; }
  uint64_t cut() const { return cut_; }

 private:
  const IdMap& ids_;
  std::vector<uint8_t> wanted_, seen_;
  int64_t max_text_;
  std::optional<std::string> replacement_;
  SortedSpill spill_;  // by id: the column's number, then the text
  std::vector<std::string> names_;
  std::vector<std::vector<bool>> have_;  // [columns][ids]
  SortedSpill::Record next_;
  bool more_ = false;
  std::vector<std::string> texts_;  // of the id asked for, by column
  std::string numbered_;
  Index current_ = -1;
  uint64_t matched_ = 0, unwanted_ = 0, cut_ = 0;
};

}  // namespace kindred::data
