/* What the bindings are made of: httpd's and APR's headers, and the few functions of shim.c. */

#include "httpd.h"
#include "http_config.h"
#include "http_core.h"
#include "http_log.h"
#include "http_main.h"
#include "http_protocol.h"
#include "http_request.h"
#include "http_ssl.h"
#include "http_vhost.h"
#include "ap_expr.h"
#include "ap_mpm.h"
#include "ap_provider.h"
#include "ap_socache.h"
#include "mod_auth.h"
#include "mod_watchdog.h"
#include "unixd.h"
#include "util_cookies.h"
#include "util_mutex.h"
#include "apr_escape.h"
#include "apr_global_mutex.h"
#include "apr_md5.h"
#include "apr_optional.h"
#include "apr_pools.h"
#include "apr_strings.h"
#include "apr_tables.h"

/* The log macros. `module_index` selects the level that `LogLevel name:level` gives the module. */
int shim_request_logs_at(const request_rec *request, int level, int module_index);
int shim_server_logs_at(const server_rec *server, int level, int module_index);
/* The directives that AllowOverrideList names here, as keys; null where it is not given. */
apr_table_t *shim_override_list(const request_rec *request);
/* HttpProtocolOptions Require1.0 */
int shim_refuses_http_0_9(const server_rec *server);
void shim_log_request(const char *file, int line, int module_index, int level, const request_rec *request,
                      const char *message);
void shim_log_server(const char *file, int line, int module_index, int level, const server_rec *server,
                     const char *message);

/* What STANDARD20_MODULE_STUFF holds: the constants a module record must begin with. */
enum {
    SHIM_MODULE_VERSION = MODULE_MAGIC_NUMBER_MAJOR,
    SHIM_MODULE_MINOR_VERSION = MODULE_MAGIC_NUMBER_MINOR,
    SHIM_MODULE_COOKIE = MODULE_MAGIC_COOKIE
};
