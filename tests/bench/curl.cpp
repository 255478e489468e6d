// A peer: libcurl's multi interface on one thread, and a Boost.JSON tree of each answer.
#include "bench.hpp"
#include "peer_json.hpp"

#include <curl/curl.h>

#include <deque>
#include <memory>

namespace {

void require(CURLcode code) { bench::require(code == CURLE_OK, curl_easy_strerror(code)); }
void require(CURLMcode code) { bench::require(code == CURLM_OK, curl_multi_strerror(code)); }

template <auto Free>
class curl_free
{
public:
    template <class T>
    void operator()(T* object) const noexcept
    {
        Free(object);
    }
};
using multi_ptr = std::unique_ptr<CURLM, curl_free<&curl_multi_cleanup>>;
using easy_ptr = std::unique_ptr<CURL, curl_free<&curl_easy_cleanup>>;
using fields_ptr = std::unique_ptr<curl_slist, curl_free<&curl_slist_free_all>>;

/// One handle, used for one request after the other.
class requester
{
public:
    explicit requester(bench::task const& task) : task_(task), easy_(curl_easy_init())
    {
        add_field("Authorization: Bearer " + task.token);
        add_field("Accept: application/json");
        if (task.produces())
            add_field("Content-Type: application/json");
        set(CURLOPT_URL, (task.endpoint + task.path(0)).c_str());
        set(CURLOPT_CAINFO, task.ca_file.c_str());
        set(CURLOPT_HTTPHEADER, fields_.get());
        set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
        set(CURLOPT_NOSIGNAL, 1L);
        set(CURLOPT_TIMEOUT_MS, 60'000L);
        set(CURLOPT_WRITEFUNCTION, &requester::received);
        set(CURLOPT_WRITEDATA, this);
        set(CURLOPT_PRIVATE, this);
    }
    requester(requester const&) = delete;
    requester& operator=(requester const&) = delete;

    void start(CURLM* multi, int nth)
    {
        nth_ = nth;
        if (task_.streams())
            set(CURLOPT_URL, (task_.endpoint + task_.path(nth)).c_str());
        answer_.clear();
        if (task_.produces()) {
            request_ = bench::produce_body();
            set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.size()));
            set(CURLOPT_POSTFIELDS, request_.c_str());
        }
        require(curl_multi_add_handle(multi, easy_.get()));
    }

    void finish(CURLM* multi, CURLcode result)
    {
        require(result);
        long status = 0;
        require(curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status));
        require(curl_multi_remove_handle(multi, easy_.get()));
        bench::require(status == 200, "not a success");
        auto const tree = bench::parse_answer(answer_);
        bench::check_answer(task_, nth_, tree);
    }

private:
    template <class T>
    void set(CURLoption option, T value)
    {
        require(curl_easy_setopt(easy_.get(), option, value));
    }

    void add_field(std::string const& line)
    {
        curl_slist* const longer = curl_slist_append(fields_.get(), line.c_str());
        bench::require(longer != nullptr, "no memory");
        static_cast<void>(fields_.release());
        fields_.reset(longer);
    }

    static std::size_t received(char const* data, std::size_t, std::size_t size, void* self)
    {
        auto& to = *static_cast<requester*>(self);
        if (to.answer_.empty()) {
            curl_off_t length = 0;
            curl_easy_getinfo(to.easy_.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
            to.answer_.reserve(length > 0 ? static_cast<std::size_t>(length) : 0);
        }
        to.answer_.append(data, size);
        return size;
    }

    bench::task const& task_;
    int nth_ = 0;
    easy_ptr easy_;
    fields_ptr fields_;
    std::string request_;
    std::string answer_;
};

/// Runs whatever was started until all of it is done.
void run_all(CURLM* multi)
{
    int running = 1;
    while (running) {
        require(curl_multi_perform(multi, &running));
        int left = 0;
        while (CURLMsg const* const message = curl_multi_info_read(multi, &left)) {
            auto const result = message->data.result;
            requester* who = nullptr;
            require(curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &who));
            who->finish(multi, result);
        }
        if (running)
            require(curl_multi_poll(multi, nullptr, 0, 1000, nullptr));
    }
}

void measured(bench::task const& task)
{
    require(curl_global_init(CURL_GLOBAL_DEFAULT));
    multi_ptr const multi(curl_multi_init());
    if (task.mode == "idle") {
        require(curl_multi_setopt(multi.get(), CURLMOPT_MAXCONNECTS, static_cast<long>(task.count)));
        std::deque<requester> requesters;
        for (int i = 0; i < task.count; ++i)
            requesters.emplace_back(task).start(multi.get(), i);
        run_all(multi.get());
    } else {
        requester requester(task);
        for (int i = 0; i < task.count; ++i) {
            requester.start(multi.get(), i);
            run_all(multi.get());
        }
    }
    bench::report();
}

} // namespace

int main(int argc, char** argv) { return bench::run(argc, argv, measured); }
