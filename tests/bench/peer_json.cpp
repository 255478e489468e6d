// What the peers do with JSON, and Boost.JSON itself: its other half is in a header for one file to include.
#include "peer_json.hpp"

#include <boost/json/src.hpp>

namespace bench {

namespace json = boost::json;

std::string produce_body()
{
    json::object record;
    record.emplace("value", record_value);
    json::array records;
    records.emplace_back(std::move(record));
    json::object body;
    body.emplace("records", std::move(records));
    return json::serialize(body);
}

json::value parse_answer(std::string_view body)
{
    return json::parse(body, json::make_shared_resource<json::monotonic_resource>());
}

void check_answer(task const& task, int nth, json::value const& answer)
{
    if (task.produces()) {
        require(answer.at("offsets").at(0).at("offset").as_int64() == 0, "not the receipt");
        return;
    }
    auto const& records = answer.as_array();
    require(records.size() == static_cast<std::size_t>(task.records) &&
                records.back().at("offset").as_int64() == task.offset(nth) + task.records - 1,
            "not the records");
}

} // namespace bench
