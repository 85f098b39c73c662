/* The macros of httpd that a binding generator cannot see. */

#include "shim.h"

int shim_request_logs_at(const request_rec *request, int level, int module_index)
{
    return APLOG_R_MODULE_IS_LEVEL(request, module_index, level) != 0;
}

int shim_server_logs_at(const server_rec *server, int level, int module_index)
{
    return APLOG_MODULE_IS_LEVEL(server, module_index, level) != 0;
}

apr_table_t *shim_override_list(const request_rec *request)
{
    const core_dir_config *core = ap_get_core_module_config(request->per_dir_config);
    return core->override_list;
}

int shim_refuses_http_0_9(const server_rec *server)
{
    const core_server_config *core = ap_get_core_module_config(server->module_config);
    return core->http09_enable == AP_HTTP09_DISABLE;
}

void shim_log_request(const char *file, int line, int module_index, int level, const request_rec *request,
                      const char *message)
{
    ap_log_rerror(file, line, module_index, level, 0, request, "%s", message);
}

void shim_log_server(const char *file, int line, int module_index, int level, const server_rec *server,
                     const char *message)
{
    ap_log_error(file, line, module_index, level, 0, server, "%s", message);
}
