from snakemake.utils import min_version, validate

min_version("9.0")


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/jobs.smk"
include: "workflow/rules/slitless.smk"


validate(config, "workflow/schemas/config.schema.yaml")


wildcard_constraints:
    exposure=targets.NAME,


include: "workflow/rules/exposures.smk"
include: "workflow/rules/wfss_contam.smk"
include: "workflow/rules/demo.smk"
include: "workflow/rules/watching.smk"


rule all:
    default_target: True
    input:
        all_products,
        slitless_products,
        reported,
