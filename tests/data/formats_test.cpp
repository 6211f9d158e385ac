// Every format in small files of its real layout: what is read, item and user texts included.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "data/dataset.h"
#include "data/prepare.h"
#include "data/temporary.h"

namespace kindred::data {
namespace {

/// A row with its tokens, for comparing whole datasets.
struct Row {
  std::string user, item;
  float rating = 0;
  int64_t time = 0;
  auto operator<=>(const Row&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Row& row) {
  return out << row.user << " " << row.item << " " << row.rating << " " << row.time;
}

std::multiset<Row> all_rows(const Dataset& dataset) {
  std::multiset<Row> rows;
  for (const Part part : all_parts) {
    const InteractionTable& table = dataset.part(part);
    for (size_t i = 0; i < table.user.size(); ++i)
      rows.insert({dataset.users.token(table.user[i]), dataset.items.token(table.item[i]),
                   table.rating.empty() ? 0 : table.rating[i],
                   table.time.empty() ? 0 : table.time[i]});
  }
  return rows;
}

std::map<std::string, std::string> texts(const IdMap& ids, const TextColumn* column) {
  std::map<std::string, std::string> found;
  for (Index i = 0; column && i < ids.size(); ++i)
    if (column->has(i)) found[ids.token(i)] = column->get(i);
  return found;
}

using Texts = std::map<std::string, std::string>;
using Rows = std::multiset<Row>;

class Formats : public ::testing::Test {
 protected:
  std::shared_ptr<const Dataset> prepared(PrepareOptions options) {
    options.output = (folder_.path() / "out" / "set").string();
    if (options.input.empty()) options.input = (folder_.path() / "in").string();
    info_ = prepare(options).info;
    return load_dataset(options.output);
  }
  PrepareOptions options(const std::string& format) const {
    PrepareOptions made;
    made.format = format;
    return made;
  }
  fs::path write(const std::string& name, std::string_view content) {
    return folder_.write("in/" + name, content);
  }

  TemporaryFolder folder_;
  Json info_;
};

// Lines as in Beauty, Toys and Sports of 2014: reviews are JSON, metadata are Python dicts.
TEST_F(Formats, Amazon2014WithPythonMetadata) {
  write(
      "reviews_Beauty_5.json.gz",
      gzip(
          R"({"reviewerID": "A1", "asin": "B1", "reviewerName": "J", "helpful": [0, 0], "reviewText": "Nice \"lip\" balm", "overall": 5.0, "summary": "s", "unixReviewTime": 1393545600, "reviewTime": "02 28, 2014"}
{"reviewerID": "A1", "asin": "B2", "helpful": [1, 2], "reviewText": "", "overall": 4.0, "summary": "s", "unixReviewTime": 1363392000, "reviewTime": "03 16, 2013"}
{"reviewerID": "A2", "asin": "B1", "helpful": [0, 0], "reviewText": "ok", "overall": 1.0, "summary": "s", "unixReviewTime": 1377648000, "reviewTime": "08 28, 2013"}
)"));
  write(
      "meta_Beauty.json.gz",
      gzip(
          R"({'asin': 'B1', 'description': "It's a balm", 'title': 'Balm \xe9', 'price': 4.5, 'imUrl': 'x', 'related': {'also_bought': ['B2']}, 'salesRank': {'Beauty': 10}, 'brand': "Burt's", 'categories': [['Beauty', 'Lips'], ['Beauty', 'Gifts']]}
{'asin': 'B9', 'title': u'Not bought', 'categories': [['Beauty']]}
{'asin': 'B2', 'categories': [['Beauty']]}
)"));
  const auto dataset = prepared(options("amazon-2014"));
  EXPECT_EQ(all_rows(*dataset), (Rows{{"A1", "B1", 5, 1393545600},
                                      {"A1", "B2", 4, 1363392000},
                                      {"A2", "B1", 1, 1377648000}}));
  EXPECT_EQ(texts(dataset->items, dataset->item_text("title")), (Texts{{"B1", "Balm é"}}));
  EXPECT_EQ(texts(dataset->items, dataset->item_text("brand")), (Texts{{"B1", "Burt's"}}));
  EXPECT_EQ(texts(dataset->items, dataset->item_text("description")),
            (Texts{{"B1", "It's a balm"}}));
  EXPECT_EQ(texts(dataset->items, dataset->item_text("categories")),
            (Texts{{"B1", "Beauty | Lips | Gifts"}, {"B2", "Beauty"}}));
  EXPECT_EQ(dataset->title(*dataset->items.find("B2")), "B2");
  EXPECT_EQ(info_["texts"]["item"]["title"]["missing"], 1);
  EXPECT_EQ(info_["texts"]["review"]["empty"], 1);
  // Rows of a user come by time: the review of 2013 first.
  EXPECT_EQ(dataset->train_reviews()->get(1), "Nice \"lip\" balm");
}

TEST_F(Formats, Amazon2018) {
  write(
      "Toys.json",
      R"({"overall": 4.0, "verified": true, "reviewTime": "10 20, 2014", "reviewerID": "A1", "asin": "T1", "style": {"Size:": " M"}, "reviewerName": "x", "reviewText": "fun\nto play", "summary": "s", "unixReviewTime": 1413763200}
{"overall": 5.0, "vote": "1,234", "verified": false, "reviewTime": "09 28, 2014", "reviewerID": "A2", "asin": "T1", "reviewerName": "y", "summary": "no text", "unixReviewTime": 1411862400, "image": ["a.jpg"]}
)");
  write(
      "meta_Toys.json",
      R"({"category": ["Toys", "Games"], "tech1": "", "description": ["Part one.", "Part two."], "fit": "", "title": "Castle &amp; moat", "brand": "Lego", "feature": ["300 pieces"], "rank": [], "main_cat": "Toys", "asin": "T1"})");
  const auto dataset = prepared(options("amazon-2018"));
  EXPECT_EQ(all_rows(*dataset), (Rows{{"A1", "T1", 4, 1413763200}, {"A2", "T1", 5, 1411862400}}));
  EXPECT_EQ(dataset->item_text("description")->get(0), "Part one. Part two.");
  EXPECT_EQ(dataset->item_text("features")->get(0), "300 pieces");
  EXPECT_EQ(dataset->item_text("categories")->get(0), "Toys | Games");
  const Index first = dataset->part(Part::train).user[0] == *dataset->users.find("A1") ? 0 : 1;
  EXPECT_EQ(dataset->train_reviews()->get(first), "fun to play");
  EXPECT_FALSE(dataset->train_reviews()->has(1 - first));
}

TEST_F(Formats, Amazon2023JoinsOnTheParentAndReadsMilliseconds) {
  write(
      "All_Beauty.jsonl",
      R"({"rating": 5.0, "title": "Great", "text": "love it", "images": [], "asin": "B00A", "parent_asin": "P1", "user_id": "AGK", "timestamp": 1588687728923, "helpful_vote": 0, "verified_purchase": true}
{"rating": 2.0, "title": "Meh", "text": "", "images": [], "asin": "B00B", "user_id": "AGK", "timestamp": 1588615855070, "helpful_vote": 0, "verified_purchase": true}
)");
  write(
      "meta_All_Beauty.jsonl",
      R"({"main_category": "All Beauty", "title": "Spray", "average_rating": 4.8, "rating_number": 10, "features": ["a", "b"], "description": [], "price": null, "images": [], "videos": [], "store": "H&B", "categories": [], "details": {}, "parent_asin": "P1", "bought_together": null}
)");
  const auto dataset = prepared(options("amazon-2023"));
  EXPECT_EQ(all_rows(*dataset),
            (Rows{{"AGK", "P1", 5, 1588687728}, {"AGK", "B00B", 2, 1588615855}}));
  EXPECT_EQ(info_["time_unit"], "milliseconds");
  EXPECT_EQ(texts(dataset->items, dataset->item_text("title")), (Texts{{"P1", "Spray"}}));
  EXPECT_EQ(texts(dataset->items, dataset->item_text("features")), (Texts{{"P1", "a b"}}));
  EXPECT_EQ(texts(dataset->items, dataset->item_text("brand")), (Texts{{"P1", "H&B"}}));
}

TEST_F(Formats, AmazonRatingTables) {
  write("ratings_Beauty.csv", "A1,B1,5.0,1369699200\nA2,B1,3.0,1355443200\n");
  EXPECT_EQ(all_rows(*prepared(options("amazon-2014"))),
            (Rows{{"A1", "B1", 5, 1369699200}, {"A2", "B1", 3, 1355443200}}));
  write("ratings_Beauty.csv", "B1,A1,5.0,1369699200\n");
  EXPECT_EQ(all_rows(*prepared(options("amazon-2018"))), (Rows{{"A1", "B1", 5, 1369699200}}));
  write("ratings_Beauty.csv", "user_id,parent_asin,rating,timestamp\nA1,B1,5.0,1369699200123\n");
  EXPECT_EQ(all_rows(*prepared(options("amazon-2023"))), (Rows{{"A1", "B1", 5, 1369699200}}));
}

TEST_F(Formats, MovieLens100K) {
  write("u.data", "196\t242\t3\t881250949\n186\t302\t3\t891717742\n");
  write("u.item",
        "242|Kolya (1996)|24-Jan-1997||http://x|0|1|0|1\n302|L.A. Confidential (1997)|01-Jan-1997||"
        "http://y|0|0|1|0\n267|unknown||||1|0|0|0\n");
  write("u.genre",
        "unknown|0\nAction|1\nFilm-Noir|2\nCom\xe9"
        "die|3\n\n");  // Latin-1
  write("u.user", "196|49|M|writer|55105\n186|39|F|executive|00000\n");
  const auto dataset = prepared(options("movielens"));
  EXPECT_EQ(all_rows(*dataset), (Rows{{"196", "242", 3, 881250949}, {"186", "302", 3, 891717742}}));
  EXPECT_EQ(texts(dataset->items, dataset->item_text("title")),
            (Texts{{"242", "Kolya (1996)"}, {"302", "L.A. Confidential (1997)"}}));
  EXPECT_EQ(texts(dataset->items, dataset->item_text("categories")),
            (Texts{{"242", "Action | Comédie"}, {"302", "Film-Noir"}}));
  EXPECT_EQ(texts(dataset->users, dataset->user_text("text")),
            (Texts{{"196", "male, age 49, writer"}, {"186", "female, age 39, executive"}}));
}

TEST_F(Formats, MovieLens1MIsLatin1) {
  write("ratings.dat", "1::1193::5::978300760\n1::661::3::978302109\n2::1193::4::978298413\n");
  write("movies.dat",
        "1193::Mis\xe9rables, Les (1995)::Drama|Musical\n661::James: A Giant::Animation\n");
  write("users.dat", "1::F::1::10::48067\n2::M::56::16::70072\n");
  const auto dataset = prepared(options("movielens"));
  EXPECT_EQ(
      all_rows(*dataset),
      (Rows{{"1", "1193", 5, 978300760}, {"1", "661", 3, 978302109}, {"2", "1193", 4, 978298413}}));
  EXPECT_EQ(texts(dataset->items, dataset->item_text("title")),
            (Texts{{"1193", "Misérables, Les (1995)"}, {"661", "James: A Giant"}}));
  EXPECT_EQ(texts(dataset->items, dataset->item_text("categories")),
            (Texts{{"1193", "Drama | Musical"}, {"661", "Animation"}}));
  EXPECT_EQ(dataset->user_text("text")->get(*dataset->users.find("1")),
            "female, age under 18, student in school");
  EXPECT_EQ(dataset->user_text("text")->get(*dataset->users.find("2")),
            "male, age 56 or older, self-employed");
}

TEST_F(Formats, MovieLens20M) {
  write("ratings.csv",
        "userId,movieId,rating,timestamp\r\n1,2,3.5,1112486027\r\n1,29,0.5,1112484676\r\n");
  write("movies.csv",
        "movieId,title,genres\n2,\"American President, The (1995)\",Comedy|Drama\n29,\"He said "
        "\"\"hi\"\"\",(no genres listed)\n");
  const auto dataset = prepared(options("movielens"));
  EXPECT_EQ(all_rows(*dataset), (Rows{{"1", "2", 3.5, 1112486027}, {"1", "29", 0.5, 1112484676}}));
  EXPECT_EQ(texts(dataset->items, dataset->item_text("title")),
            (Texts{{"2", "American President, The (1995)"}, {"29", "He said \"hi\""}}));
  EXPECT_EQ(texts(dataset->items, dataset->item_text("categories")),
            (Texts{{"2", "Comedy | Drama"}}));
}

TEST_F(Formats, Yelp) {
  write(
      "yelp_academic_dataset_review.json",
      R"({"review_id":"r1","user_id":"u1","business_id":"b1","stars":4.0,"useful":1,"funny":0,"cool":0,"text":"Good tacos","date":"2016-03-09 16:54:12"}
{"review_id":"r2","user_id":"u2","business_id":"b1","stars":1.0,"useful":1,"funny":0,"cool":0,"text":"Bad","date":"2018-07-07"}
)");
  write(
      "yelp_academic_dataset_business.json",
      R"({"business_id":"b1","name":"Taco \u00c9","city":"Tucson","stars":3.5,"attributes":{"WiFi":"u'free'"},"categories":"Tacos, Mexican","hours":null})");
  write("yelp_academic_dataset_user.json", R"({"user_id":"u1","name":"Ana","review_count":3})");
  const auto dataset = prepared(options("yelp"));
  EXPECT_EQ(all_rows(*dataset), (Rows{{"u1", "b1", 4, 1457542452}, {"u2", "b1", 1, 1530921600}}));
  EXPECT_EQ(dataset->title(0), "Taco É");
  EXPECT_EQ(dataset->item_text("categories")->get(0), "Tacos, Mexican");
  EXPECT_EQ(texts(dataset->users, dataset->user_text("name")), (Texts{{"u1", "Ana"}}));
}

TEST_F(Formats, UserItemLists) {
  write("train.txt", "0 10 11 12\n1 10\n2\n");
  write("test.txt", "0 13\n1 11\n");
  PrepareOptions given = options("user-items");
  given.split.kind = "given";
  auto dataset = prepared(given);
  EXPECT_EQ(dataset->part(Part::train).size(), 4);
  EXPECT_EQ(dataset->part(Part::valid).size(), 0);
  EXPECT_EQ(dataset->part(Part::test).size(), 2);
  EXPECT_EQ(all_rows(*dataset),
            (Rows{{"0", "10"}, {"0", "11"}, {"0", "12"}, {"0", "13"}, {"1", "10"}, {"1", "11"}}));
  PrepareOptions one = options("user-items");
  one.input = (folder_.path() / "in" / "train.txt").string();
  EXPECT_EQ(all_rows(*prepared(one)).size(), 4u);
}

TEST_F(Formats, UserItemPairsKeepTheirOrder) {
  write("Beauty.txt", "1 5\n1 3\n1 4\n1 9\n2 3\n");
  PrepareOptions options = this->options("user-item");
  options.split.kind = "leave-one-out";
  const auto dataset = prepared(options);
  const auto items = [&](Part part) {
    std::vector<std::string> tokens;
    for (const Index item : dataset->part(part).item) tokens.push_back(dataset->items.token(item));
    return tokens;
  };
  EXPECT_EQ(items(Part::train), (std::vector<std::string>{"5", "3", "3"}));
  EXPECT_EQ(items(Part::valid), (std::vector<std::string>{"4"}));
  EXPECT_EQ(items(Part::test), (std::vector<std::string>{"9"}));
  EXPECT_EQ(info_["counts"]["train_only_users"], 1);
}

TEST_F(Formats, AnOwnCsvWithNamedColumnsAndSeparateTexts) {
  const auto path = write("orders.csv",
                          "\xef\xbb\xbf"
                          "when,buyer,sku,stars,comment\r\n"
                          "2014-05-31,ann,s-1,4.5,\"two\nlines, and \"\"marks\"\"\"\r\n"
                          "2014-06-01T10:30:00Z,bob,s-2,3,\r\n");
  write("goods.tsv", "id\tname\tkind\ns-1\tSoap\tbath\ns-2\t\"Weird Al\" mug\tkitchen\n");
  write("people.jsonl", "{\"login\":\"ann\",\"about\":\"likes soap\"}\n");
  PrepareOptions options = this->options("csv");
  options.input = path.string();
  options.columns = "user=buyer,item=sku,rating=stars,time=when,review=comment";
  options.items = (folder_.path() / "in" / "goods.tsv").string();
  options.item_columns = "item=id,title=name,categories=kind";
  options.users = (folder_.path() / "in" / "people.jsonl").string();
  options.user_columns = Json{{"user", "login"}, {"text", "about"}};
  const auto dataset = prepared(options);
  EXPECT_EQ(all_rows(*dataset),
            (Rows{{"ann", "s-1", 4.5, 1401494400}, {"bob", "s-2", 3, 1401618600}}));
  EXPECT_EQ(dataset->train_reviews()->get(0), "two lines, and \"marks\"");
  EXPECT_EQ(texts(dataset->items, dataset->item_text("categories")),
            (Texts{{"s-1", "bath"}, {"s-2", "kitchen"}}));
  EXPECT_EQ(texts(dataset->users, dataset->user_text("text")), (Texts{{"ann", "likes soap"}}));
}

TEST_F(Formats, AnOwnTableWithoutAHeaderNamesColumnsByNumber) {
  write("pairs.tsv", "ann\t7\t5\nbob\t8\t4\n");
  PrepareOptions options = this->options("tsv");
  options.columns = "user=1,item=2,rating=3";
  EXPECT_EQ(all_rows(*prepared(options)), (Rows{{"ann", "7", 5}, {"bob", "8", 4}}));
}

TEST_F(Formats, OwnJsonLinesWithNumbersAsIdsAndTextsInTheRows) {
  write("log.jsonl",
        "{\"u\":1,\"i\":\"x\",\"name\":\"Ex\",\"t\":1500000000}\n{\"u\":2,\"i\":\"x\",\"t\":"
        "\"1500000001\"}\n");
  PrepareOptions options = this->options("jsonl");
  options.columns = "user=u,item=i,time=t,title=name";
  const auto dataset = prepared(options);
  EXPECT_EQ(all_rows(*dataset), (Rows{{"1", "x", 0, 1500000000}, {"2", "x", 0, 1500000001}}));
  EXPECT_EQ(dataset->title(0), "Ex");
}

TEST_F(Formats, RecBoleFilesByOthers) {
  write("click.inter",
        "session_id:token\tprice:float\titem_id:token\trating:float\ttimestamp:float\n"
        "s1\t9.5\ti1\t4\t1500000000.0\ns1\t1\ti2\t5\t1500000100\n");
  write("click.item", "item_id:token\tmovie_title:token_seq\tyear:float\ti\n");
  PrepareOptions options = this->options("recbole");
  options.columns = "user=session_id";
  EXPECT_EQ(caught([&] { prepared(options); }).code, Exit::bad_data);  // the header field "i"
  write("click.item", "item_id:token\tmovie_title:token_seq\tyear:float\ni1\tToy Story\t1995\n");
  const auto dataset = prepared(options);
  EXPECT_EQ(all_rows(*dataset), (Rows{{"s1", "i1", 4, 1500000000}, {"s1", "i2", 5, 1500000100}}));
  EXPECT_EQ(texts(dataset->items, dataset->item_text("title")), (Texts{{"i1", "Toy Story"}}));
  EXPECT_EQ(dataset->item_text("year"), nullptr);
}

TEST_F(Formats, RecBolePartsAsGivenKeepLabelsAndOrder) {
  const std::string header = "user_id:token\titem_id:token\tlabel:float\ttimestamp:float\n";
  write("click.part1.inter", header + "b\t1\t1\t30\nb\t2\t0\t20\na\t1\t1\t10\n");
  write("click.part2.inter", header + "a\t2\t1\t5\n");
  write("click.part3.inter", header + "a\t3\t0\t6\n");
  const auto bare = load_dataset(folder_.path() / "in");
  PrepareOptions options = this->options("recbole");
  options.split.kind = "given";
  const auto dataset = prepared(options);
  EXPECT_EQ(dataset->part(Part::train).label, (std::vector<float>{1, 0, 1}));
  EXPECT_EQ(dataset->part(Part::train).time, (std::vector<int64_t>{30, 20, 10}));
  EXPECT_EQ(dataset->users.token(dataset->part(Part::train).user[2]), "a");
  EXPECT_EQ(dataset->part(Part::test).label, (std::vector<float>{0}));
  EXPECT_EQ(dataset->fingerprint, bare->fingerprint);
}

}  // namespace
}  // namespace kindred::data
