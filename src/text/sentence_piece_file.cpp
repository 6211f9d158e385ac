#include "text/sentence_piece_file.h"

#include <cmath>

#include "core/error.h"
#include "core/strings.h"
#include "core/utf8.h"
#include "text/character_map.h"
#include "text/json_node.h"
#include "text/proto_reader.h"

namespace kindred::text {
namespace {

using File = SentencePieceFile;
using Kind = ProtoField::Kind;

/// A fault of the file, at `where`.
[[noreturn]] void fail(const std::string& where, const std::string& message) {
  throw Error(Exit::bad_data, where, message);
}

/// Calls `use` with each field of a message.
template <class Use>
void each_field(std::string_view message, const std::string& where, Use&& use) {
  ProtoReader reader(message);
  while (const auto field = reader.next()) use(*field);
  if (reader.damaged()) {
    fail(where, "not a SentencePiece model, or it is damaged or incomplete");
  }
}

/// A field that we know, of the kind that it must have.
bool is(const ProtoField& field, uint32_t number, Kind kind, const std::string& where) {
  if (field.number != number) return false;
  if (field.kind != kind) fail(where, cat("field ", number, " is of the wrong kind"));
  return true;
}

File::Piece piece_of(std::string_view message, const std::string& where) {
  File::Piece piece;
  each_field(message, where, [&](const ProtoField& field) {
    if (is(field, 1, Kind::bytes, where)) piece.text = field.bytes;
    if (is(field, 2, Kind::fixed32, where)) piece.score = field.real();
    if (is(field, 3, Kind::integer, where)) {
      if (field.value < 1 || field.value > 6) {
        fail(where, cat("got the type ", field.value, ", expected 1 to 6"));
      }
      piece.type = static_cast<File::PieceType>(field.value);
    }
  });
  if (piece.text.empty()) fail(where, "the piece is empty");
  if (!is_utf8(piece.text) || piece.text.find('\0') != std::string::npos) {
    fail(where, cat("the piece ", shown(piece.text), " is not UTF-8 without NUL"));
  }
  if (!std::isfinite(piece.score)) fail(where, "the piece's score is not finite");
  return piece;
}

void read_trainer(std::string_view message, const std::string& where, File& file) {
  each_field(message, where, [&](const ProtoField& field) {
    if (is(field, 3, Kind::integer, where)) {
      if (field.value != 1 && field.value != 2) {
        fail(where, cat("got the model type ", field.value, ", expected 1 (unigram) or 2 (BPE)"));
      }
      file.model = static_cast<File::Model>(field.value);
    }
    if (is(field, 24, Kind::integer, where) && field.value != 0) {
      fail(where, "got spaces at the ends of words, expected them in front");
    }
    if (is(field, 35, Kind::integer, where)) file.byte_fallback = field.value != 0;
  });
}

void read_normalizer(std::string_view message, const std::string& where, File& file) {
  each_field(message, where, [&](const ProtoField& field) {
    if (is(field, 2, Kind::bytes, where)) {
      file.characters = field.bytes;
      if (!field.bytes.empty()) CharacterMap(field.bytes, where);
    }
    if (is(field, 3, Kind::integer, where)) file.dummy_prefix = field.value != 0;
    if (is(field, 4, Kind::integer, where)) file.collapse_spaces = field.value != 0;
    if (is(field, 5, Kind::integer, where) && field.value == 0) {
      fail(where, "got spaces that are not escaped, expected U+2581 for each");
    }
  });
}

}  // namespace

SentencePieceFile SentencePieceFile::read(const fs::path& path) {
  // The library follows unused pieces into one another; the limit bounds how deep.
  return of_bytes(read_file(path, uint64_t{1} << 26), path.string());
}

SentencePieceFile SentencePieceFile::without_dummy_prefix() const {
  SentencePieceFile file = *this;
  file.dummy_prefix = false;
  // A field that comes again is merged with the first: normalizer_spec.add_dummy_prefix = false.
  file.bytes += std::string("\x1A\x02\x18\x00", 4);
  return file;
}

SentencePieceFile SentencePieceFile::of_bytes(std::string bytes, const std::string& where) {
  SentencePieceFile file;
  file.bytes = std::move(bytes);
  bool trainer = false, normalizer = false;
  each_field(file.bytes, where, [&](const ProtoField& field) {
    if (is(field, 1, Kind::bytes, where)) {
      const std::string place = cat(where, ": piece ", file.pieces.size());
      file.pieces.push_back(piece_of(field.bytes, place));
    } else if (is(field, 2, Kind::bytes, where)) {
      trainer = true;
      read_trainer(field.bytes, where, file);
    } else if (is(field, 3, Kind::bytes, where)) {
      normalizer = true;
      read_normalizer(field.bytes, where, file);
    } else if (is(field, 5, Kind::bytes, where)) {
      File other;  // the decoder's: the library reads it, we only look whether it may
      read_normalizer(field.bytes, where, other);
    }
  });
  if (file.pieces.empty()) fail(where, "the model has no pieces; it may be damaged or incomplete");
  // They follow the pieces in every file: one cut off between two fields lacks them.
  if (!trainer || !normalizer) {
    fail(where, "the model does not say how it was trained and normalizes; it may be incomplete");
  }
  return file;
}

}  // namespace kindred::text
