rule slitless:
    input:
        slitless_products,


rule wfss_contam:
    input:
        cutouts=cutouts_of,
        beside=beside_cutouts,
        references=manifest_of_cutouts,
    output:
        product=SLITLESS_PRODUCT,
        statistics=f"{SLITLESS}/{{exposure}}_statistics.json",
        provenance=f"{SLITLESS}/{{exposure}}_wfss_contam_provenance.json",
    log:
        f"{RESULTS}/logs/wfss_contam/{{exposure}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/wfss_contam/{{exposure}}.tsv"
    conda:
        "../envs/wfss.yaml"
    threads: DETECTOR1_THREADS
    resources:
        mem_mb=memory_of_slitless,
    params:
        parameters=config["wfss_contam"]["parameters"],
        library=library_digest("wfss_contam"),
        crash_file=f"{SLITLESS}/{{exposure}}_pipecrash.txt",
    message:
        "Correct contamination in {wildcards.exposure}"
    script:
        "../../scripts/wfss_contam.py"
